// UDP: a port where datagrams are received. Beyond what the system and its owner hold, datagrams are lost without a
// message, as UDP has it.
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { listenFault, withoutBrackets, type Address } from '../address.ts'

/** A port that is listened on. */
export interface Listener {
  readonly host: string
  readonly port: number
  /** Accepts no more; connections that stand are the owner's to end. */
  close(): Promise<void>
}

/** What is asked of the system for datagrams that wait to be read; it may grant less (net.core.rmem_max). */
const waitingBytes = 4 * 1024 * 1024

/** `::` hears IPv4 too, where the system has both. */
export function receiveDatagrams(
  { host, port }: Address,
  take: (datagram: Buffer, from: Address) => void,
): Promise<Listener> {
  const at = { host: withoutBrackets(host), port }
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: isIPv6(at.host) ? 'udp6' : 'udp4',
      recvBufferSize: waitingBytes,
    })
    const fail = (error: Error): void => {
      socket.close()
      reject(listenFault(error, at))
    }
    socket.once('error', fail)
    socket.on('message', (datagram, from) => take(datagram, { host: from.address, port: from.port }))
    socket.bind({ address: at.host, port, exclusive: true }, () => {
      socket.off('error', fail)
      // Nobody waits for what the system says of a single datagram.
      socket.on('error', () => {})
      resolve({
        host: at.host,
        port: socket.address().port,
        close: () => new Promise(done => void socket.close(() => done())),
      })
    })
  })
}
