#!/usr/bin/env node
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    `error: prompt-store needs Node 24 or newer, and this is ${process.version}. Run it as \`npx prompt-store\` from the project's folder after \`npm ci\`, which brings Node 24 along, or install Node 24.`,
  )
  process.exit(1)
}
await import('../src/cli.ts')
