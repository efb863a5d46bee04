import type { Steps } from '../long-work.js';
import { explain } from '../memory/explain/explain.js';
import { describeTopology, groupByFlatView } from '../mtree/describe-topology.js';
import { differenceJson, differenceLines } from '../mtree/diff/difference-text.js';
import { isSame } from '../mtree/diff/topology-difference.js';
import { explanationJson } from '../mtree/explanation-json.js';
import { handsSteps, recordedSpace } from '../mtree/recording/changes-of-hands.js';
import {
  type ChangeOfHands,
  RecordedTopology,
  type Recording,
  readRecording,
  stepDifference,
} from '../mtree/recording/index.js';
import { measureSteps } from '../mtree/recording/measure-replay.js';
import { flatViewLines } from '../mtree/write-flat-views.js';
import { regionTreeLines } from '../mtree/write-region-tree.js';
import { writeTopologyJson } from '../mtree/write-topology-json.js';
import { parseAddress } from './address-argument.js';
import { invalidOption } from './invalid-option.js';
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
import { parseStep, parseSteps } from './step-number.js';

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
    throw invalidOption(
      'one of --step, --changes, --diff, --bisect and --address can be asked for',
    );
  }
  if (step !== undefined) return run.showStep(parseStep(step));
  if (changes !== undefined) return run.showChanges(parseStep(changes));
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

  constructor(session: Session, input: string, recording: Recording, options: ReplayOptions) {
    this.#session = session;
    this.#input = input;
    this.#recording = recording;
    this.#options = options;
  }

  async sumUp(): Promise<number> {
    const alone = await this.#working(measureSteps(this.#recording, false));
    const listening = await this.#working(measureSteps(this.#recording, true));
    using first = await this.#at(0);
    using last = await this.#at(alone.steps);
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
    using replayed = await this.#at(number);
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
    if (number === 0) throw invalidOption('step 0 is the beginning: nothing changed before it');
    using before = await this.#at(number - 1);
    using after = await this.#at(number);
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
    const [from, to] = parseSteps('--diff', steps);
    using before = await this.#at(from);
    using after = await this.#at(to);
    const difference = stepDifference(before, after);
    if (this.#options.json) await this.#session.printJson(differenceJson(difference));
    else await this.#session.out.print(differenceLines(difference));
    return isSame(difference) ? exitCode.ok : exitCode.no;
  }

  /** The answer is no where the address never changes hands. */
  async bisect(address: bigint): Promise<number> {
    using replayed = await this.#at(this.#from);
    const [hands] = await this.#working(this.#handsIn(replayed, address, 1));
    if (!hands) return this.#neverChanges();
    using earlier = await this.#at(hands.step.number - 1);
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
    using replayed = await this.#at(this.#from);
    const all = await this.#working(this.#handsIn(replayed, address));
    if (this.#options.json) await this.#session.printJson(all.map(handsJson));
    else if (all.length === 0) return this.#neverChanges();
    else await this.#session.out.print(all.map(handsText));
    return all.length > 0 ? exitCode.ok : exitCode.no;
  }

  get #from(): number {
    return parseStep(this.#options.from ?? '0');
  }

  #handsIn(replayed: RecordedTopology, address: bigint, most?: number): Steps<ChangeOfHands[]> {
    const { as } = this.#options;
    const isThere = recordedSpace(replayed, as) !== undefined;
    if (!isThere && as !== undefined && !this.#everHas(as)) {
      throw invalidOption(`there is no address space "${as}" at any step`);
    }
    return handsSteps(replayed, address, as, most);
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

  async #at(step: number): Promise<RecordedTopology> {
    const replayed = naming(this.#input, () => new RecordedTopology(this.#recording));
    try {
      await this.#working(replayed.advancing(step));
      return replayed;
    } catch (error) {
      replayed.close();
      throw error;
    }
  }

  #working<T>(steps: Steps<T>): Promise<T> {
    return this.#session.working(this.#input, steps);
  }
}

function extentOf({ addressSpaces, regions }: RecordedTopology): Extent {
  const views = [...groupByFlatView(addressSpaces).keys()];
  return {
    regions: regions.size,
    addressSpaces: addressSpaces.length,
    flatViews: views.length,
    ranges: views.reduce((sum, { rangeCount }) => sum + rangeCount, 0),
  };
}
