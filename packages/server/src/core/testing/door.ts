import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'

/** A way to a database that can be shut, as if the database had gone. */
export type Door = Readonly<{
  /** The database's address through the door. */
  url: string
  /** Cut all connections and let none through. */
  close(): void
  open(): void
}>

/** @param url of a database, over TCP or a Unix socket. The door ends with the process. */
export async function openDoor(url: string): Promise<Door> {
  const { host, port, user, password, database } = new pg.Client(url)
  const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  const sockets = new Set<Socket>()
  let isOpen = true
  const server = createServer((caller) => {
    if (!isOpen) return void caller.destroy()
    const callee = connect(target as { path: string })
    for (const [socket, other] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  server.unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as { port: number }
  return {
    url: `postgresql://${user}${password ? `:${encodeURIComponent(String(password))}` : ''}@127.0.0.1:${own}/${database}`,
    close() {
      isOpen = false
      for (const socket of sockets) socket.destroy()
    },
    open() {
      isOpen = true
    },
  }
}
