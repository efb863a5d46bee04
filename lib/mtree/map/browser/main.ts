import { spaceNames } from '../changed-spaces.js';
import { MapTimeline } from '../map-timeline.js';
import { unpackMap } from '../map-transport.js';
import type { PageContent } from '../page-content.js';
import { element } from './dom.js';
import { MapPage } from './map-page.js';
import { StepTools } from './step-tools.js';

/** What travelled in the page. */
async function readContent(text: string): Promise<PageContent> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return (await new Response(inflated).json()) as PageContent;
}

function open({ states = [], timeline }: PageContent): void {
  if (timeline !== undefined) {
    const steps = new StepTools(new MapTimeline(timeline));
    new MapPage(steps, steps);
    return;
  }
  const shown = states.map((packed) => ({ title: packed.title, map: unpackMap(packed) }));
  new MapPage({
    title: shown.map(({ title }) => title).join(' → '),
    names: spaceNames(shown.map(({ map }) => map)),
    statesOf: () => shown,
    isBeside: true,
  });
}

readContent(document.getElementById('map-data')?.textContent ?? '')
  .then(open)
  .catch((error: unknown) => {
    document.body.append(element('p', { role: 'alert' }, `The map cannot be shown: ${error}`));
    throw error;
  });
