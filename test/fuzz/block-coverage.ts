import inspector from 'node:inspector';

/**
 * What V8 counts of the code that runs: which blocks of which functions, and about how often. Only of modules whose
 * URL contains `part`.
 */
export class BlockCoverage {
  readonly #session = new inspector.Session();
  readonly #part: string;

  constructor(part: string) {
    this.#part = part;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /**
   * What ran since the last call: a name for each block with the magnitude of its count. V8 leaves out a block that ran
   * as often as the one around it, so that there are names for that, too.
   */
  take(): Set<string> {
    const names = new Set<string>();
    for (const { url, scriptId, functions } of this.#scripts()) {
      if (!url.includes(this.#part)) continue;
      for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
        names.add(`${scriptId}:${startOffset}-${endOffset}:${magnitude(count)}`);
      }
    }
    return names;
  }

  #scripts(): inspector.Profiler.ScriptCoverage[] {
    // Without another thread to wait for, the inspector answers before `post` returns.
    let scripts: inspector.Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      scripts = result;
    });
    return scripts;
  }
}

/** 0, 1, 2, 3, and above that only how many bits: 13 rounds of a loop tell what 12 did. */
function magnitude(count: number): number {
  return count < 4 ? count : 2 + Math.floor(Math.log2(count));
}
