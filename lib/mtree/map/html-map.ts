import { readFileSync } from 'node:fs';
import path from 'node:path';
import { findPackageRoot } from '../../package-root.js';
import { escapeMarkup } from './escape-markup.js';
import { styleSheet } from './html-style.js';
import type { MapTimeline } from './map-timeline.js';
import { packMap } from './map-transport.js';
import type { PageContent } from './page-content.js';
import type { PageMap } from './page-map.js';

/** One state that a page shows. */
export interface HtmlMapState {
  /** What it is called, such as the name of the dump. */
  readonly title: string;
  /** What the page shows. */
  readonly map: PageMap;
}

/** `browser/main.ts` and all that it imports, as one script (`scripts/bundle.mjs`). */
const pageScript = 'dist/bundle/map-page.js';

/**
 * The map as one page that needs nothing else: no network, and no right but to run its own script. Two states are shown
 * side by side, with what changed from the first to the second.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type HtmlMapState, htmlMap } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const bar = topology.io('nvme-bar0', 0x4000n, {});
 * bar.address = 0xfebf_0000n;
 * const memory = topology.addressSpace('memory', bar);
 * const before: HtmlMapState = { title: 'firmware', map: buildPageMap([memory]) };
 * bar.address = 0xc000_0000n;
 * const after: HtmlMapState = { title: 'Linux', map: buildPageMap([memory]) };
 * const page = htmlMap([before, after]);
 * page.includes('<title>firmware → Linux - memory map</title>'); // => true
 * topology.close();
 * ```
 */
export function htmlMap(
  states: readonly [HtmlMapState] | readonly [HtmlMapState, HtmlMapState],
): string {
  const title = states.map((state) => state.title).join(' → ');
  return page(title, { states: states.map(({ title: name, map }) => packMap(name, map)) });
}

/**
 * Steps of a recording as one page, in which one goes from step to step.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTimeline, htmlTimeline } from 'flatview/map';
 * import { readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const page = htmlTimeline(await buildTimeline(boot, { title: 'boot', from: 15, to: 20 }));
 * page.includes('<title>boot - memory map</title>'); // => true
 * ```
 */
export function htmlTimeline(timeline: MapTimeline): string {
  return page(timeline.title, { timeline: timeline.packed });
}

function page(title: string, content: PageContent): string {
  const { deflateRawSync } = process.getBuiltinModule('node:zlib');
  const data = deflateRawSync(JSON.stringify(content)).toString('base64');
  const code = readFileSync(path.join(findPackageRoot(), pageScript), 'utf8');
  const script = `\n${code.replaceAll('</script', '<\\/script')}\n`;
  const style = `\n${styleSheet}\n`;
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(title)} - memory map</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws its map with a script; flatview map without --html prints the same as text.</noscript>
<script type="text/plain" id="map-data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hashOf(text: string): string {
  // It takes longer to load than this package, and few who draw maps write such pages.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
