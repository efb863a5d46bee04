import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { noKvm } from '../kvm/real-mode-guest.js';
import { noNativeAddon } from '../native-addon.js';

const root = path.resolve(import.meta.dirname, '../../..');

const documents = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The programs that a document shows. */
function programs(document: string): string[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, body]) => body ?? '');
}

suite('The programs in the documents run', () => {
  for (const document of documents) {
    for (const [i, program] of programs(document).entries()) {
      const skip =
        (program.includes('Kvm.open(') && noKvm) || (program.includes('.share(') && noNativeAddon);
      test(`${document}: program ${i + 1}`, { skip }, () => {
        const folder = mkdtempSync(path.join(root, 'dist/example-'));
        try {
          const file = path.join(folder, 'example.mjs');
          writeFileSync(file, program);
          execFileSync(process.execPath, [file], { cwd: root });
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  }
});
