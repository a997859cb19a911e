// Plain JavaScript that old versions run too: they cannot even parse the TypeScript that comes after this.
const wanted = 24
if (Number(process.versions.node.split('.')[0]) < wanted) {
  process.stderr.write(
    `Node ${wanted} or newer is needed, and this is ${process.version}. "npm ci" brings it along as an optional package: ` +
      'leave those in, and start by "npm start" or "npx prompt-store-admin", which use it.\n',
  )
  process.exit(2)
}
