#!/usr/bin/env node
import './require-node.js'

// `worker` as the only argument: background work alone.
await import(process.argv[2] === 'worker' ? '../src/worker.ts' : '../src/main.ts')
