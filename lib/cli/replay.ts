import { FlatviewError } from '../errors.js';
import { explain } from '../memory/explain/explain.js';
import { describeTopology, groupByFlatView } from '../mtree/describe-topology.js';
import { differenceJson, differenceLines } from '../mtree/diff/difference-text.js';
import { isSame } from '../mtree/diff/topology-difference.js';
import { explanationJson } from '../mtree/explanation-json.js';
import { recordedSpace } from '../mtree/recording/changes-of-hands.js';
import {
  type ChangeOfHands,
  changesOfHands,
  measureReplay,
  RecordedTopology,
  type Recording,
  readRecording,
  stepDifference,
} from '../mtree/recording/index.js';
import { flatViewLines } from '../mtree/write-flat-views.js';
import { regionTreeLines } from '../mtree/write-region-tree.js';
import { writeTopologyJson } from '../mtree/write-topology-json.js';
import { parseAddress } from './address-argument.js';
import { Progress } from './progress.js';
import {
  bisectLines,
  type Extent,
  explanationOrNone,
  handsJson,
  handsText,
  stepJson,
  stepText,
  summaryJson,
  summaryLines,
} from './replay-text.js';
import { exitCode, naming, type Session } from './session.js';

/** Options of `flatview replay`. */
export interface ReplayOptions {
  readonly json?: boolean;
  readonly step?: string;
  readonly tree?: boolean;
  readonly owners?: boolean;
  readonly changes?: string;
  readonly diff?: readonly string[];
  readonly bisect?: string;
  readonly address?: string;
  readonly as?: string;
  readonly from?: string;
}

/** Replays a recording, and answers the question that is asked of it; without one, sums it up. */
export async function replay(
  session: Session,
  input: string,
  options: ReplayOptions,
): Promise<number> {
  const bytes = await session.readBytes(input);
  const run = new Replay(
    session,
    input,
    naming(input, () => readRecording(bytes)),
    options,
  );
  const { step, changes, diff, bisect, address } = options;
  const asked = [step, changes, diff, bisect, address].filter((one) => one !== undefined);
  if (asked.length > 1) {
    throw invalid('one of --step, --changes, --diff, --bisect and --address can be asked for');
  }
  if (step !== undefined) return run.showStep(stepNumber(step));
  if (changes !== undefined) return run.showChanges(stepNumber(changes));
  if (diff !== undefined) return run.showDifference(diff);
  if (bisect !== undefined) return run.bisect(parseAddress(bisect));
  if (address !== undefined) return run.listHands(parseAddress(address));
  return run.sumUp();
}

/** One recording and what is wanted of it. */
class Replay {
  readonly #session: Session;
  readonly #input: string;
  readonly #recording: Recording;
  readonly #options: ReplayOptions;
  readonly #progress: Progress;

  constructor(session: Session, input: string, recording: Recording, options: ReplayOptions) {
    this.#session = session;
    this.#input = input;
    this.#recording = recording;
    this.#options = options;
    this.#progress = new Progress(session.err, 'steps replayed');
  }

  async sumUp(): Promise<number> {
    const alone = this.#replaying(() => measureReplay(this.#recording, false, this.#onStep));
    const listening = this.#replaying(() => measureReplay(this.#recording, true, this.#onStep));
    using first = this.#at(0);
    using last = this.#at(alone.steps);
    const { started, isTruncated } = this.#recording;
    const summary = {
      started,
      isTruncated,
      first: extentOf(first),
      last: extentOf(last),
      alone,
      listening,
    };
    if (this.#options.json) await this.#session.printJson(summaryJson(summary));
    else await this.#session.out.print(summaryLines(summary));
    return exitCode.ok;
  }

  async showStep(number: number): Promise<number> {
    using replayed = this.#at(number);
    const { json, tree, owners } = this.#options;
    const { addressSpaces } = replayed;
    const shown = owners ? { owners } : {};
    const lines = json
      ? [writeTopologyJson(describeTopology(addressSpaces, { flatViews: true })).trimEnd()]
      : tree
        ? regionTreeLines(addressSpaces, { ...shown, disabled: true })
        : flatViewLines(addressSpaces, shown);
    await this.#session.out.print(lines);
    return exitCode.ok;
  }

  async showChanges(number: number): Promise<number> {
    if (number === 0) throw invalid('step 0 is the beginning: nothing changed before it');
    using before = this.#at(number - 1);
    using after = this.#at(number);
    const difference = stepDifference(before, after);
    const { step } = after;
    if (this.#options.json) {
      await this.#session.printJson({ ...(step && stepJson(step)), ...differenceJson(difference) });
    } else {
      const heading = step ? [`${stepText(step)}:`, ''] : [];
      await this.#session.out.print([...heading, ...differenceLines(difference)]);
    }
    return exitCode.ok;
  }

  /** The answer is no where anything differs, as that of `flatview diff` is. */
  async showDifference(steps: readonly string[]): Promise<number> {
    const [from, to] = steps.map(stepNumber);
    if (from === undefined || to === undefined || steps.length > 2) {
      throw invalid('--diff needs two steps: --diff 3 7');
    }
    using before = this.#at(from);
    using after = this.#at(to);
    const difference = stepDifference(before, after);
    if (this.#options.json) await this.#session.printJson(differenceJson(difference));
    else await this.#session.out.print(differenceLines(difference));
    return isSame(difference) ? exitCode.ok : exitCode.no;
  }

  /** The answer is no where the address never changes hands. */
  async bisect(address: bigint): Promise<number> {
    using replayed = this.#at(this.#from);
    const hands = this.#replaying(() => this.#handsIn(replayed, address).next().value);
    if (!hands) return this.#neverChanges();
    using earlier = this.#at(hands.step.number - 1);
    const [before, after] = [earlier, replayed].map((one) => {
      const space = recordedSpace(one, this.#options.as);
      return space && explain(space, address);
    });
    if (this.#options.json) {
      await this.#session.printJson({
        ...handsJson(hands),
        before: before ? explanationJson(before) : null,
        after: after ? explanationJson(after) : null,
      });
    } else {
      const texts = [before, after].map(explanationOrNone);
      await this.#session.out.print(bisectLines(hands, texts[0] ?? [], texts[1] ?? []));
    }
    return exitCode.ok;
  }

  /** The answer is no where the address never changes hands. */
  async listHands(address: bigint): Promise<number> {
    using replayed = this.#at(this.#from);
    const all = this.#replaying(() => [...this.#handsIn(replayed, address)]);
    if (this.#options.json) await this.#session.printJson(all.map(handsJson));
    else if (all.length === 0) return this.#neverChanges();
    else await this.#session.out.print(all.map(handsText));
    return all.length > 0 ? exitCode.ok : exitCode.no;
  }

  get #from(): number {
    return stepNumber(this.#options.from ?? '0');
  }

  readonly #onStep = (step: number): void => {
    if (step % progressStep === 0) this.#progress.show(step);
  };

  #handsIn(replayed: RecordedTopology, address: bigint): Generator<ChangeOfHands, void> {
    const { as } = this.#options;
    const isThere = recordedSpace(replayed, as) !== undefined;
    if (!isThere && as !== undefined && !this.#everHas(as)) {
      throw invalid(`there is no address space "${as}" at any step`);
    }
    return changesOfHands(replayed, address, as, this.#onStep);
  }

  #everHas(name: string): boolean {
    const { document } = this.#recording;
    if (document.addressSpaces.some((space) => space.name === name)) return true;
    for (const { spacesMade } of this.#recording.steps()) {
      if (spacesMade.some((space) => space.name === name)) return true;
    }
    return false;
  }

  async #neverChanges(): Promise<number> {
    const json = this.#options.json ? ['null'] : undefined;
    await this.#session.out.print(json ?? [`From step ${this.#from} on, it never changes hands.`]);
    return exitCode.no;
  }

  #at(step: number): RecordedTopology {
    return this.#replaying(() => {
      const replayed = new RecordedTopology(this.#recording);
      try {
        replayed.advanceTo(step, this.#onStep);
        return replayed;
      } catch (error) {
        replayed.close();
        throw error;
      }
    });
  }

  #replaying<T>(action: () => T): T {
    try {
      return naming(this.#input, action);
    } finally {
      this.#progress.end();
    }
  }
}

/** So many steps there are between two words on progress. */
const progressStep = 4096;

function extentOf({ addressSpaces, regions }: RecordedTopology): Extent {
  const views = [...groupByFlatView(addressSpaces).keys()];
  return {
    regions: regions.size,
    addressSpaces: addressSpaces.length,
    flatViews: views.length,
    ranges: views.reduce((sum, { rangeCount }) => sum + rangeCount, 0),
  };
}

function stepNumber(text: string): number {
  const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  return number ?? invalidStep(text);
}

function invalidStep(text: string): never {
  throw invalid(`"${text}" is not the number of a step`);
}

function invalid(message: string): FlatviewError {
  return new FlatviewError('ERR_INVALID_ARGUMENT', message);
}
