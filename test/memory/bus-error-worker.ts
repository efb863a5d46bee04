// A worker whose accesses are not answered. It posts what they came to.

import { parentPort, workerData } from 'node:worker_threads';
import { MemoryTopology } from '../../lib/index.js';
import { hostPageSize } from '../../lib/memory/host-memory.js';
import { truncatedMemory } from './truncated-memory.js';

const memory = truncatedMemory(workerData as string);
const topology = new MemoryTopology();
const system = topology.container('system', 1n << 64n);
system.addSubregion(0n, topology.ram('file', memory.size, { memory }));
const space = topology.addressSpace('memory', system);
const outcomes = Array.from({ length: 1000 }, () => space.read(hostPageSize, 4));
parentPort?.postMessage({ outcome: outcomes.at(-1), busErrors: memory.busErrors });
