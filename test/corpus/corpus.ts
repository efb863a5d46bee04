// The corpus: QEMU's own region trees and the flat views it made of them, as data. README.md says what each field means.
//
// Everything is read when asked for and nothing is kept: a whole iteration needs the memory of one item.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** A 64-bit (a size: 65-bit) number as `0x...`; `BigInt()` reads it. */
export type Hex = string;

/** An index into the regions of one file; it never changes its meaning within the file. */
export type RegionId = number;

export interface CorpusRegion {
  readonly id: RegionId;
  readonly name: string | null;
  readonly type: 'container' | 'i/o' | 'ram' | 'rom' | 'romd' | 'ramd' | 'alias';
  /** Offset within the parent; honoured for a root too. */
  readonly addr: Hex;
  readonly size: Hex;
  readonly priority: number;
  readonly enabled: boolean;
  readonly parent: RegionId | null;
  /** Position among the parent's subregions: 0 is looked at first. */
  readonly order: number;
  readonly alias?: { readonly target: RegionId; readonly offset: Hex };
  readonly terminates: boolean;
  readonly ram: boolean;
  readonly readonly: boolean;
  /** A rom device that reads like memory at the moment. */
  readonly romd: boolean;
  readonly nonvolatile: boolean;
  readonly rom_device?: boolean;
  readonly ram_device?: boolean;
  readonly iommu?: boolean;
  /** The clients that asked for logging (bit 0 VGA); QEMU adds CODE (bit 1) to all RAM under TCG. */
  readonly dirty_log_mask?: number;
  readonly owner?: string;
}

export interface CorpusRange {
  readonly start: Hex;
  /** Inclusive. */
  readonly end: Hex;
  readonly region: RegionId;
  readonly offset: Hex;
  /** As `info mtree -f` prints it. */
  readonly type: string;
  readonly priority: number;
  /** Accumulated over containers and aliases. */
  readonly readonly: boolean;
  readonly nonvolatile?: boolean;
  /** Only for rom devices. */
  readonly romd_mode?: boolean;
  readonly dirty_log_mask?: number;
}

/** One distinct flat view of QEMU. */
export interface CorpusFlatView {
  readonly root: RegionId;
  /** Every address-space root that shares this view. */
  readonly roots: readonly RegionId[];
  /** The region that QEMU rendered from; null is the empty view. */
  readonly view_root: RegionId | null;
  readonly ranges: readonly CorpusRange[];
}

export interface CorpusAddressSpace {
  readonly name: string;
  readonly root: RegionId;
  /** Index into the views of the same state. */
  readonly flat: number;
}

/** A region tree, the address spaces over it, and the flat views that QEMU made of it. */
export interface CorpusState {
  readonly regions: readonly CorpusRegion[];
  readonly address_spaces: readonly CorpusAddressSpace[];
  readonly flat: readonly CorpusFlatView[];
}

export interface CorpusSource {
  readonly qemu_version: string;
  readonly argv: readonly string[];
  readonly step?: string;
}

export interface CorpusCase extends CorpusState {
  readonly name: string;
  /** `qemu binary:machine`. */
  readonly family: string;
  readonly source: CorpusSource;
  readonly verification: {
    readonly class: 'verified' | 'verified-probe';
    /** The tree can be rebuilt from the text of `info mtree` alone. */
    readonly text_naive: boolean;
    /** The tree can be rebuilt from the texts of `info mtree` and `info mtree -f` together. */
    readonly text_assisted: boolean;
    readonly text_notes: readonly string[];
  };
  readonly tags: Readonly<Record<string, number>>;
  readonly rules_exercised: readonly string[];
}

/** One call of QEMU's memory API. `txn` marks a call that was a transaction of its own. */
export type SequenceOp = { readonly txn?: 'own' } & (
  | { readonly op: 'begin' }
  | { readonly op: 'commit'; readonly rerender: boolean }
  | { readonly op: 'create'; readonly region: CorpusRegion }
  | {
      readonly op: 'attach_list';
      readonly parent: RegionId;
      readonly children: readonly RegionId[];
    }
  | {
      readonly op: 'add';
      readonly parent: RegionId;
      readonly region: RegionId;
      readonly addr: Hex;
      readonly priority: number;
    }
  | { readonly op: 'del'; readonly parent: RegionId; readonly region: RegionId }
  | { readonly op: 'set_address'; readonly region: RegionId; readonly addr: Hex }
  | {
      readonly op: 'set_enabled' | 'set_readonly' | 'set_nonvolatile' | 'set_romd';
      readonly region: RegionId;
      readonly value: boolean;
    }
  | { readonly op: 'set_size' | 'set_alias_offset'; readonly region: RegionId; readonly value: Hex }
  | { readonly op: 'as_init'; readonly name: string; readonly root: RegionId }
  | { readonly op: 'as_destroy'; readonly as: string }
);

export interface SequenceStep {
  /** What was done to the machine. */
  readonly guest: unknown;
  readonly ops: readonly SequenceOp[];
  /** Only the views that differ from the step before. */
  readonly flat: readonly CorpusFlatView[];
  /** Only when the list of address spaces changed. */
  readonly address_spaces?: readonly { readonly name: string; readonly root: RegionId }[];
}

/** The calls that QEMU made to its memory API while a machine ran, and the flat views after each step. */
export interface CorpusSequence {
  readonly name: string;
  readonly family: string;
  readonly source: CorpusSource;
  readonly initial: CorpusState;
  readonly steps: readonly SequenceStep[];
  readonly final: CorpusState;
}

/** One line of a trace of calls that a C driver made; regions go by name here. 2^64 - 1 as a size means 2^64. */
export type TraceCall =
  | {
      readonly op: 'container' | 'io' | 'ram' | 'ram_device';
      readonly name: string;
      readonly size: Hex | number;
    }
  | {
      readonly op: 'alias';
      readonly name: string;
      readonly target: string;
      readonly offset: Hex | number;
      readonly size: Hex | number;
    }
  | { readonly op: 'as'; readonly name: string; readonly root: string }
  | {
      readonly op: 'add';
      readonly parent: string;
      readonly name: string;
      readonly addr: Hex | number;
      readonly prio: number;
    }
  | { readonly op: 'del'; readonly parent: string; readonly name: string }
  | { readonly op: 'enable' | 'readonly'; readonly name: string; readonly value: boolean }
  | { readonly op: 'size'; readonly name: string; readonly size: Hex | number }
  | { readonly op: 'begin' | 'commit' }
  | {
      readonly op: 'flat';
      readonly as: string;
      readonly count: number;
      readonly ranges: readonly (readonly [start: Hex, size: Hex, region: string, offset: Hex])[];
    };

export interface ApiTrace {
  readonly name: string;
  readonly calls: readonly TraceCall[];
}

/** What the monitor printed for a case; the flags are the property's name. */
export interface CaseTexts {
  readonly tree: string;
  readonly flat: string;
  readonly flatWithOwners: string;
  readonly treeWithOwnersAndDisabled: string;
}

/** What the monitor printed after one step of a sequence. */
export type StepTexts = Pick<CaseTexts, 'flatWithOwners' | 'treeWithOwnersAndDisabled'>;

const CORPUS = fileURLToPath(new URL('../../../test/corpus/', import.meta.url));
const CASE_FOLDERS = ['verified', 'verified-probe'];

/** The paths of all case files, gzipped JSON, sorted by folder and name. */
export function caseFiles(): string[] {
  return CASE_FOLDERS.flatMap((folder) => filesIn(folder, '.json.gz'));
}

/** Every case, one after the other. */
export function* cases(): Generator<CorpusCase, void> {
  for (const file of caseFiles()) yield readCase(file);
}

/** One case by the path of its file. */
export function readCase(file: string): CorpusCase {
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as CorpusCase;
}

/** The names of all sequences. */
export function sequenceNames(): string[] {
  return filesIn('sequences', '.json.gz').map((file) => path.basename(file, '.json.gz'));
}

/** Every sequence, one after the other. */
export function* sequences(): Generator<CorpusSequence, void> {
  for (const name of sequenceNames()) yield readSequence(name);
}

/** One sequence by its name. */
export function readSequence(name: string): CorpusSequence {
  const packed = readFileSync(path.join(CORPUS, 'sequences', `${name}.json.gz`));
  return JSON.parse(gunzipSync(packed).toString()) as CorpusSequence;
}

/** Every trace of API calls, one after the other. */
export function* apiTraces(): Generator<ApiTrace, void> {
  for (const file of filesIn('api-traces', '.jsonl.gz')) {
    const lines = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
    const calls = lines.map((line) => JSON.parse(line) as TraceCall);
    yield { name: path.basename(file, '.jsonl.gz'), calls };
  }
}

/** The monitor's texts of all cases, by the case's name. */
export function caseTexts(): ReadonlyMap<string, CaseTexts> {
  const texts = readTexts('cases') as Record<string, CaseTexts>;
  return new Map(Object.entries(texts));
}

/** The monitor's texts of one sequence: first the initial state's, then each step's. */
export function sequenceTexts(name: string): readonly StepTexts[] {
  return readTexts(path.join('sequences', name)) as StepTexts[];
}

function readTexts(name: string): unknown {
  const packed = readFileSync(path.join(CORPUS, 'rawtext', `${name}.json.br`));
  return JSON.parse(brotliDecompressSync(packed).toString());
}

function filesIn(folder: string, suffix: string): string[] {
  return readdirSync(path.join(CORPUS, folder))
    .filter((file) => file.endsWith(suffix))
    .sort()
    .map((file) => path.join(CORPUS, folder, file));
}
