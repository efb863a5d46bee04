// The page in a real browser: Debian's Chromium, or what FLATVIEW_CHROMIUM names.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe as suite, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { buildTopology } from '../../../lib/mtree/build-topology.js';
import { assumedConsumers } from '../../../lib/mtree/map/assumed-consumers.js';
import { buildPageMap } from '../../../lib/mtree/map/build-page-map.js';
import { buildTimeline } from '../../../lib/mtree/map/build-timeline.js';
import { type HtmlMapState, htmlMap, htmlTimeline } from '../../../lib/mtree/map/html-map.js';
import { MapTimeline } from '../../../lib/mtree/map/map-timeline.js';
import { readTopology } from '../../../lib/mtree/read-topology.js';
import { readRecording } from '../../../lib/mtree/recording/read-recording.js';
import { foreignEnvironment } from '../../foreign-environment.js';

const executablePath = process.env['FLATVIEW_CHROMIUM'] ?? '/usr/bin/chromium';
const skip = existsSync(executablePath)
  ? false
  : `there is no browser at ${executablePath}; FLATVIEW_CHROMIUM names another one`;

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function stateOf(title: string, bytes: Uint8Array): HtmlMapState {
  const { topology, addressSpaces } = buildTopology(readTopology(bytes).document);
  const map = buildPageMap(addressSpaces, { consumers: assumedConsumers(4096n) });
  topology.close();
  return { title, map };
}

function example(name: string): HtmlMapState {
  const file = new URL(`../../../../examples/dumps/${name}`, import.meta.url);
  return stateOf(name, readFileSync(fileURLToPath(file)));
}

function timeline(): Promise<MapTimeline> {
  const file = new URL('../../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url);
  return buildTimeline(readRecording(readFileSync(fileURLToPath(file))), { title: 'pc-seabios' });
}

/** 100,000 devices, every second one with a page split. */
function largeState(): HtmlMapState {
  const regions: object[] = [
    { id: 0, name: 'system', type: 'container', size: '0x10000000000000000' },
  ];
  for (let id = 1; id <= 100_000; id++) {
    const size = id % 2 === 0 ? 8 : 0x1000;
    regions.push({
      id,
      name: `device${id}`,
      type: 'i/o',
      size,
      parent: 0,
      addr: `0x${(id * 0x2000).toString(16)}`,
    });
  }
  const document = { regions, address_spaces: [{ name: 'memory', root: 0 }] };
  return stateOf('large', Buffer.from(JSON.stringify(document)));
}

suite('the page of a map in a browser', { skip }, () => {
  let browser: Browser;
  let folder = '';

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-map-'));
    browser = await chromium.launch({ executablePath, args: flags, env: foreignEnvironment() });
  });

  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a page of these states, does something with it, and checks that nothing went wrong or out. */
  async function withPage(
    states: Parameters<typeof htmlMap>[0] | MapTimeline,
    use: (page: Page) => Promise<void>,
    options: { readonly width?: number; readonly colorScheme?: 'dark' | 'light' } = {},
  ): Promise<void> {
    const file = path.join(folder, 'map.html');
    writeFileSync(file, states instanceof MapTimeline ? htmlTimeline(states) : htmlMap(states));
    const { width = 1200, colorScheme = 'light' } = options;
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    const wrong: string[] = [];
    const url = pathToFileURL(file).href;
    page.on('console', (message) => wrong.push(message.text()));
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('request', (request) => request.url() === url || wrong.push(request.url()));
    await page.goto(url);
    await page.locator('canvas').waitFor();
    await use(page);
    await page.close();
    assert.deepEqual(wrong, []);
  }

  const one = (): [HtmlMapState] => [example('rtl8168.json')];
  const two = (): [HtmlMapState, HtmlMapState] => [
    example('rtl8168.json'),
    example('rtl8168-slow-page.json'),
  ];
  const details = (page: Page) => page.locator('section[aria-label="Details"]').innerText();
  const place = (page: Page) => page.locator('.place').innerText();

  test('search finds by name and by address', async () => {
    await withPage(one(), async (page) => {
      const box = page.getByRole('searchbox');
      await box.fill('QUIRK');
      assert.equal(await page.locator('#table-heading').innerText(), 'Found: 2');
      await box.press('Enter');
      assert.match(await details(page), /vfio-rtl8168-window-data-quirk \+0x0/);
      await box.press('Enter');
      assert.match(await details(page), /vfio-rtl8168-window-address-quirk \+0x0/);
      await box.fill('0xfebd_5004');
      await box.press('Enter');
      assert.match(await details(page), /BAR 4 mmaps\[0\] \+0x1004/);
    });
  });

  test('hover shows who answers, what that hides and who maps it; a click keeps it', async () => {
    await withPage(one(), async (page) => {
      const canvas = page.locator('canvas');
      await canvas.hover({ position: { x: 200, y: 60 } });
      assert.match(await place(page), /pc\.ram/);
      assert.match(await details(page), /KVM\s+mapped/);
      await canvas.click({ position: { x: 200, y: 60 } });
      await page.mouse.move(5, 5);
      assert.match(await details(page), /pc\.ram \+0x/);
      await page.getByRole('button', { name: 'febd1000' }).click();
      assert.match(await details(page), /sub-page: it is a part of a page/);
      assert.match(await details(page), /BAR 2\s+its own subregion .* is in front of it/);
    });
  });

  test('wheel, buttons and scales zoom', async () => {
    await withPage(one(), async (page) => {
      const canvas = page.locator('canvas');
      const at = async (y: number) => {
        await canvas.hover({ position: { x: 200, y } });
        return (await place(page)).split(' ')[0];
      };
      await page.getByRole('button', { name: 'Show all' }).click();
      const [upper, middle] = [await at(100), await at(400)];
      await page.mouse.wheel(0, -600);
      await page.waitForTimeout(100);
      const zoomed = await at(100);
      assert.notEqual(zoomed, upper);
      assert.equal(await at(400), middle, 'what is under the pointer stays there');
      await page.getByRole('button', { name: 'Show all' }).click();
      assert.equal(await at(100), upper);
      await page.getByRole('button', { name: 'To scale' }).click();
      assert.match(await place(page), /./);
      assert.notEqual(await at(400), middle);
    });
  });

  test('two states show what changed', async () => {
    await withPage(two(), async (page) => {
      assert.equal(await page.locator('#table-heading').innerText(), 'Changes: 2');
      await page.getByRole('button', { name: 'febd1078' }).click();
      const text = await details(page);
      assert.match(text, /KVM: sub-page → not-ram/);
      assert.match(text, /rtl8168\.json[\s\S]*mmaps\[0\] \+0x78[\s\S]*slow page \+0x78/);
      await page.getByLabel('only changes').uncheck();
      assert.equal(await page.locator('#table-heading').innerText(), 'Ranges: 10');
    });
  });

  test('the keyboard does all that the pointer does, and says what is selected', async () => {
    await withPage(one(), async (page) => {
      const canvas = page.locator('canvas');
      await canvas.focus();
      await page.keyboard.press('ArrowDown');
      const spoken = page.locator('[aria-live]');
      assert.match((await spoken.textContent()) ?? '', /^pc\.ram, ram, 0 to 7fffffff, KVM mapped/);
      await page.keyboard.press('ArrowDown');
      assert.match((await spoken.textContent()) ?? '', /BAR 2 mmaps\[0\], device memory.*sub-page/);
      for (const key of ['+', '-', '0', 'PageDown', 'PageUp', 'End', 'Home', 'Enter']) {
        await page.keyboard.press(key);
      }
      assert.match(await details(page), /BAR 2 mmaps/);
      await page.keyboard.press('ArrowUp');
      assert.match((await spoken.textContent()) ?? '', /^pc\.ram/);
      await page.keyboard.press('Escape');
      assert.equal(await spoken.textContent(), '');
    });
  });

  async function assertAccessible(page: Page): Promise<void> {
    await page.evaluate(axe.source);
    const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
      id: string;
      impact: string;
      nodes: { html: string }[];
    }[];
    const serious = violations.filter(({ impact }) => /serious|critical/.test(impact));
    assert.deepEqual(
      serious.map(({ id, nodes }) => [id, nodes[0]?.html]),
      [],
    );
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1200, 400]) {
      const look = { colorScheme, width };
      test(`axe finds nothing serious: ${colorScheme}, ${width} pixels wide`, async () => {
        await withPage(
          two(),
          async (page) => {
            await page.getByRole('button', { name: 'febd1000' }).click();
            await assertAccessible(page);
          },
          look,
        );
      });

      test(`nor in the steps of a recording: ${colorScheme}, ${width} pixels wide`, async () => {
        await withPage(
          await timeline(),
          async (page) => {
            await page.getByRole('searchbox').fill('fd000000');
            await page.getByRole('button', { name: 'step 19: nothing → vga.vram' }).click();
            await assertAccessible(page);
          },
          look,
        );
      });
    }
  }

  suite('the steps of a recording', () => {
    const value = (page: Page) => page.getByRole('slider').getAttribute('aria-valuetext');
    const heading = (page: Page) => page.locator('#table-heading').innerText();

    test('are gone through with a slider that says where it is and what changed', async () => {
      await withPage(await timeline(), async (page) => {
        const slider = page.getByRole('slider', { name: 'Step' });
        assert.match(
          (await value(page)) ?? '',
          /^step 41 of 41, at 0\.082 s.*, 0 changes in memory$/,
        );
        await slider.focus();
        await page.keyboard.press('Home');
        assert.equal(await value(page), 'step 0 of 41, the beginning');
        assert.match(await heading(page), /^Ranges: /);
        for (let step = 0; step < 19; step++) await page.keyboard.press('ArrowRight');
        assert.equal(
          await value(page),
          'step 19 of 41, at 0.066 s, “the firmware has run for 1.413 s”, 1 change in memory',
        );
        assert.equal(await heading(page), 'Changes: 1');
        assert.match(await page.locator('tbody').innerText(), /^fd000000.*nothing → vga\.vram/);
        await page.getByLabel('only changes').uncheck();
        const marked = page.locator('tr.touched');
        assert.equal(await marked.count(), 1);
        assert.match(await marked.innerText(), /fd000000\s*changed[\s\S]*vga\.vram/);
      });
    });

    test('are gone through with buttons and on the map, and the step is spoken', async () => {
      await withPage(await timeline(), async (page) => {
        const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
        const spoken = async () => (await page.locator('[aria-live]').textContent()) ?? '';
        await press('First step');
        assert.match(await spoken(), /^step 0 of 41/);
        assert.ok(await page.getByRole('button', { name: 'Step before' }).isDisabled());
        await press('Next step');
        assert.match(await spoken(), /^step 1 of 41/);
        await press('Last step');
        assert.match(await spoken(), /^step 41 of 41/);
        await page.locator('canvas').focus();
        await page.keyboard.press('ArrowLeft');
        await page.keyboard.press('ArrowLeft');
        await page.keyboard.press('ArrowRight');
        assert.match(await spoken(), /^step 40 of 41/);
        assert.equal(await value(page), await spoken());
      });
    });

    test('at which an address changed hands are found by the address, and gone to', async () => {
      await withPage(await timeline(), async (page) => {
        const box = page.getByRole('searchbox');
        await box.fill('d0000');
        const list = page.locator('.hands');
        assert.match(await list.innerText(), /d0000 changes hands 1 time/);
        await page.getByRole('button', { name: 'step 2: pc.rom → pc.ram' }).click();
        assert.match((await value(page)) ?? '', /^step 2 of 41/);
        await box.fill('10');
        assert.match(await list.innerText(), /10 never changes hands in these steps/);
        await box.fill('');
        assert.ok(await list.isHidden());
      });
    });

    test('are shown beside the one before, with what is selected', async () => {
      await withPage(await timeline(), async (page) => {
        const box = page.getByRole('searchbox');
        await box.fill('fd000000');
        await page.getByRole('button', { name: /^step 19:/ }).click();
        await box.press('Enter');
        await page.getByLabel('beside the step before').check();
        assert.match(await details(page), /step 18\s+Nothing answers[\s\S]*step 19\s+vga\.vram/);
        await page.getByRole('button', { name: 'Step before' }).click();
        assert.match(await details(page), /unchanged/);
      });
    });

    test('say that there are more of them, where there are', async () => {
      const file = new URL('../../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url);
      const recording = readRecording(readFileSync(fileURLToPath(file)));
      await withPage(await buildTimeline(recording, { from: 3, to: 5 }), async (page) => {
        const text = await page.getByRole('region', { name: 'Steps of the recording' }).innerText();
        assert.match(text, /This page has the steps 3 to 5 of 41/);
        assert.match(text, /step 5 of 41/);
      });
    });
  });

  test('100,000 regions can be searched and moved through, and few of them are elements', async () => {
    await withPage([largeState()], async (page) => {
      const box = page.getByRole('searchbox');
      await box.fill('device77777');
      await box.press('Enter');
      assert.match(await details(page), /device77777 \+0x0/);
      await page.locator('canvas').focus();
      await page.keyboard.press('ArrowDown');
      assert.match(await details(page), /device77778 \+0x0/);
      await page.keyboard.press('0');
      await box.fill('');
      assert.equal(await page.locator('tbody tr').count(), 100);
    });
  });
});
