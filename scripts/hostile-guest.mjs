// Has a hostile guest do a million things to its devices, checks after each what must be so, and prints what came of them.
//
//   npm run hostile -- [STEPS] [SEED]      a million by default, half of them with listeners that refuse now and then
//
// FLATVIEW_SELF_CHECK=1 renders each commit from nothing, too.
import { runHostileGuest } from '../dist/test/pci/hostile-guest.js';

const steps = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));

for (const faults of [false, true]) {
  const half = Math.ceil(steps / 2);
  const who = faults ? 'listeners that refuse now and then' : 'listeners that take everything';
  console.log(`${half} steps from seed ${seed}, ${who}`);
  const progress = (done) => {
    if (done % 100_000 === 0) console.log(`  ${done} done`);
  };
  const { counts, most } = runHostileGuest({ steps: half, seed, faults, progress });
  for (const [what, count] of [...counts].sort()) console.log(`  ${what}: ${count}`);
  const { commits, ranges, ioctls } = most;
  console.log(`  the most of one write: ${commits} commits, ${ranges} ranges, ${ioctls} ioctls`);
}
