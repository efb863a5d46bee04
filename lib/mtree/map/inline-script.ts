import { readFileSync } from 'node:fs';

/**
 * A module of this package and all that it imports, as one script: each module is a function that returns what the
 * module exports. It reads what the compiler makes of modules of this package, and no other syntax: named imports of
 * files beside it, and declarations that are exported where they stand.
 */
export function inlineScript(entry: URL): string {
  const parts: string[] = [];
  const names = new Map<string, string>();
  const include = (url: URL): string => {
    const known = names.get(url.href);
    if (known !== undefined) return known;
    const name = `module${names.size}`;
    names.set(url.href, name);
    const part = asFunction(name, readFileSync(url, 'utf8'), (path) => include(new URL(path, url)));
    parts.push(part);
    return name;
  };
  include(entry);
  return `'use strict';\n${parts.join('\n')}`;
}

const importLine = /^import \{([^}]*)\} from '(\.[^']*)';$/gm;
const exportedName = /^export (?:async )?(?:function\*?|class|const) (\w+)/gm;
const exportWord = /^export (?=async |function|class|const )/gm;

function asFunction(name: string, text: string, include: (path: string) => string): string {
  const exported = [...text.matchAll(exportedName)].map(([, exportName]) => exportName);
  const body = text
    .replace(/^\/\/# sourceMappingURL=.*$/m, '')
    .replace(importLine, (_, imported: string, path: string) => {
      return `const {${imported.replaceAll(' as ', ': ')}} = ${include(path)};`;
    })
    .replace(exportWord, '');
  const strange = /^(?:import|export)\b.*/m.exec(body);
  if (strange) throw new Error(`cannot be inlined: ${strange[0]}`);
  return `const ${name} = (() => {\n${body.trim()}\nreturn { ${exported.join(', ')} };\n})();`;
}
