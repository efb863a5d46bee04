// What the reference in docs/api/ is beyond what TypeDoc and its writer of Markdown make of the docstrings (typedoc.json).
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

/** @param {import('typedoc-plugin-markdown').MarkdownApplication} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const reflections = Object.values(project.reflections);
    leaveToAncestors(project, reflections);
    resolveLinks(project, reflections);
    linkTypesToExamples(reflections);
    app.options.setValue('intentionallyNotDocumented', documentedByOthers(reflections));
  });
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    const contents = withoutRepetitions(page.contents);
    page.contents = page.model.kindOf(ReflectionKind.Module)
      ? withOverview(contents, page.model, (symbol) => app.renderer.router.getAnchor(symbol))
      : contents;
  });
}

/** A class shows what is its own, and links to what it extends or implements. */
function leaveToAncestors(project, reflections) {
  for (const reflection of reflections) {
    if (reflection.inheritedFrom) project.removeReflection(reflection);
  }
}

/** A link may name whatever is exported, imported into its file or not: `{@link MemoryTopology.commit}`. */
function resolveLinks(project, reflections) {
  const parts = reflections.flatMap(({ comment }) => [
    ...(comment?.summary ?? []),
    ...(comment?.blockTags ?? []).flatMap(({ content }) => content),
  ]);
  for (const part of parts.filter(({ kind, target }) => kind === 'inline-tag' && !target)) {
    const path = part.text.trim().split('.');
    const [target] = project.children.flatMap((module) => module.getChildByName(path) ?? []);
    if (target) part.target = target;
  }
}

/** An interface or type without an example of its own is shown at work in those of others that name it. */
function linkTypesToExamples(reflections) {
  const types = ReflectionKind.Interface | ReflectionKind.TypeAlias;
  const shown = reflections.flatMap((reflection) => {
    const examples = reflection.comment?.getTags('@example') ?? [];
    const code = examples.map(({ content }) => Comment.combineDisplayParts(content)).join('\n');
    return code === '' ? [] : [{ target: documented(reflection), code }];
  });
  for (const type of reflections) {
    if (!type.kindOf(types) || !type.comment || type.comment.getTag('@example')) continue;
    const name = new RegExp(`\\b${type.name}\\b`);
    const at = new Set(shown.filter(({ code }) => name.test(code)).map(({ target }) => target));
    for (const target of [...at].slice(0, 3)) {
      const text = nameWithin(target);
      const link = { kind: 'inline-tag', tag: '@link', text, target };
      type.comment.blockTags.push(
        new CommentTag('@see', [{ kind: 'text', text: 'The example of ' }, link]),
      );
    }
  }
}

/** `MemoryTopology.ram`, without the entry point. */
function nameWithin({ name, parent }) {
  return parent.kindOf(ReflectionKind.Module) ? name : `${nameWithin(parent)}.${name}`;
}

/** What has a place in the reference: a signature is found at its function. */
function documented(reflection) {
  return reflection.kindOf(ReflectionKind.SomeSignature) ? reflection.parent : reflection;
}

/**
 * Names of what needs no docstring: the fields of an object type that has no name are described where the type stands, and a setter by
 * its getter.
 */
function documentedByOthers(reflections) {
  const others = reflections.filter(
    (reflection) =>
      !reflection.comment &&
      (isFieldOfUnnamedType(reflection) ||
        (reflection.kindOf(ReflectionKind.SetSignature) &&
          reflection.parent.getSignature?.comment)),
  );
  return [...new Set(others.map((reflection) => reflection.getFriendlyFullName()))];
}

/** Parameters and what they consist of are never asked for. */
function isFieldOfUnnamedType(reflection) {
  return (
    reflection.kindOf(ReflectionKind.Property) &&
    isWithin(reflection, ReflectionKind.TypeLiteral) &&
    !isWithin(reflection, ReflectionKind.Parameter)
  );
}

function isWithin({ parent }, kinds) {
  return parent !== undefined && (parent.kindOf(kinds) || isWithin(parent, kinds));
}

/** Sections that say again what stands above them: parameters and results of which only the type is known, and who else declares it. */
const isRepetition = {
  Parameters: (body) => !/^\|.*\| Description \|$/m.test(body) && !body.includes('Default value'),
  Returns: (body) => !body.trim().includes('\n\n'),
  'Implementation of': () => true,
  Overrides: () => true,
};

/** Headings over signatures that say it themselves: `get`, `set`. */
const needlessHeadings = ['Get Signature', 'Set Signature'];

function withoutRepetitions(markdown) {
  const sections = sectionsOf(markdown).filter(
    ({ title, body }) => !(Object.hasOwn(isRepetition, title) && isRepetition[title](body)),
  );
  const text = sections.map(({ heading, title, body }) =>
    needlessHeadings.includes(title) ? body : heading + body,
  );
  return `${text
    .join('')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

/** A heading, its anchor before it, with what follows it up to the next; the first has none. Rules between sections are left out. */
function sectionsOf(markdown) {
  const sections = [{ heading: '', title: '', body: '' }];
  let anchor = '';
  let inCode = false;
  for (const line of markdown.split(/(?<=\n)/)) {
    if (line.startsWith('```')) inCode = !inCode;
    const title = inCode ? undefined : /^#{1,6} (.*)/.exec(line)?.[1];
    if (title !== undefined) {
      sections.push({ heading: anchor + line, title, body: '' });
      anchor = '';
    } else if (/^<a id="[^"]*"><\/a>$/.test(line.trim())) anchor = `${line}\n`;
    else if (line !== '***\n') sections.at(-1).body += line;
  }
  return sections;
}

/** All symbols of an entry point by kind, below what is said of it. */
function withOverview(markdown, module, anchorOf) {
  const overview = (module.groups ?? []).map(({ title, children }) => {
    const links = children.map((symbol) => `[${symbol.name}](#${anchorOf(symbol)})`);
    return `**${title}**: ${links.join(', ')}\n\n`;
  });
  const at = markdown.search(/^## /m);
  return markdown.slice(0, at) + overview.join('') + markdown.slice(at);
}
