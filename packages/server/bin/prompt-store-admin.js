#!/usr/bin/env node
await import("../src/admin.ts")
