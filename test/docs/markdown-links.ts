// Links and anchors of Markdown, as GitHub shows it.

/** A link and where it is. */
export interface MarkdownLink {
  /** Counted from 1. */
  readonly line: number;
  readonly target: string;
}

const inlineLink = /\]\((?<target>[^()\s]+)(?: "[^"]*")?\)/g;
const definition = /^\[[^\]]+\]: (?<target>\S+)$/g;
const html = /<(?:a|img)\b[^>]* (?:href|src)="(?<target>[^"]*)"/g;

export function linksOf(markdown: string): MarkdownLink[] {
  return proseOf(markdown).flatMap(({ text, line }) => {
    const prose = text.replace(/`[^`]*`/g, '');
    const matches = [inlineLink, definition, html].flatMap((link) => [...prose.matchAll(link)]);
    return matches.map(({ groups }) => ({ line, target: groups?.['target'] ?? '' }));
  });
}

/** The anchors of headings, and those that HTML sets. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const { text } of proseOf(markdown)) {
    const [, heading] = /^#{1,6} (.*)$/.exec(text) ?? [];
    if (heading !== undefined) anchors.add(firstFree(slugOf(heading), anchors));
    for (const [, id] of text.matchAll(/<[a-z]+\b[^>]* (?:id|name)="([^"]*)"/g))
      anchors.add(id ?? '');
  }
  return anchors;
}

/** The lines that aren't in blocks of code. */
function proseOf(markdown: string): { text: string; line: number }[] {
  let fence: string | undefined;
  return markdown.split('\n').flatMap((text, i) => {
    const [, mark] = /^\s*(```+|~~~+)/.exec(text) ?? [];
    if (mark === undefined) return fence === undefined ? [{ text, line: i + 1 }] : [];
    if (fence === undefined) fence = mark;
    else if (text.trim() === fence) fence = undefined;
    return [];
  });
}

/** What GitHub calls the place of a heading. */
function slugOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>/g, '');
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

function firstFree(slug: string, taken: ReadonlySet<string>): string {
  if (!taken.has(slug)) return slug;
  let i = 1;
  while (taken.has(`${slug}-${i}`)) i++;
  return `${slug}-${i}`;
}
