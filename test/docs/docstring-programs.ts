// The programs that docstrings show: every block of TypeScript in a comment of documentation under lib/.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { repository, type ShownProgram } from './compile-programs.js';

export function docstringPrograms(): ShownProgram[] {
  return readdirSync(path.join(repository, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .flatMap((file) => programsOfFile(path.posix.join('lib', file)));
}

function programsOfFile(page: string): ShownProgram[] {
  const text = readFileSync(path.join(repository, page), 'utf8');
  if (!text.includes('```ts')) return [];
  const file = ts.createSourceFile(page, text, ts.ScriptTarget.ES2022, true);
  const found: ShownProgram[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) found.push(...programsOfComment(node, file, page));
    else for (const child of node.getChildren(file)) visit(child);
  };
  visit(file);
  return found;
}

function programsOfComment(comment: ts.JSDoc, file: ts.SourceFile, page: string): ShownProgram[] {
  const firstLine = file.getLineAndCharacterOfPosition(comment.getStart(file)).line;
  const text = comment.getText(file).replace(/^[ \t]*\* ?/gm, '');
  const blocks = text.matchAll(/^```ts\b(?<needs>[^\n]*)\n(?<code>.*?)^```$/gms);
  return [...blocks].map(({ index, groups }, i) => {
    const { needs = '', code = '' } = groups ?? {};
    const line = firstLine + text.slice(0, index).split('\n').length;
    const nth = i === 0 ? '' : `, program ${i + 1}`;
    return {
      name: `${nameOf(comment.parent)} (${page}:${line})${nth}`,
      page,
      source: '\n'.repeat(line) + code,
      needs: needs.split(' ').filter((word) => word !== ''),
    };
  });
}

/** What documentation calls the declaration of a comment, such as `MemoryTopology.ram`. */
function nameOf(declaration: ts.Node): string {
  const names: string[] = [];
  for (let node = declaration; !ts.isSourceFile(node); node = node.parent) {
    const named = ts.isVariableStatement(node) ? node.declarationList.declarations[0] : node;
    const name = named && ts.getNameOfDeclaration(named as ts.Declaration);
    if (name !== undefined) names.unshift(name.getText());
    else if (ts.isConstructorDeclaration(node)) names.unshift('constructor');
  }
  return names.length === 0 ? 'module' : names.join('.');
}
