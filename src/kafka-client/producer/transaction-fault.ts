// A transaction that cannot go on, and what is left to do about it.
import { Fault } from '../../errors.ts'

/**
 * `abortable`: abort, then the next transaction may succeed. `fenced`: another producer has the
 * transactional id, or the broker has ended the transaction for taking too long. `fatal`: nothing more can
 * be done under this id and epoch. After the latter two only init helps, where the cause is remedied.
 */
export type TransactionFaultKind = 'abortable' | 'fenced' | 'fatal'

export class TransactionFault extends Fault {
  override name = 'TransactionFault'
  readonly kind: TransactionFaultKind

  constructor(kind: TransactionFaultKind, message: string, options: { cause?: unknown } = {}) {
    super(kind === 'abortable' ? 'KAFKA' : 'KAFKA_FATAL', message, options)
    this.kind = kind
  }
}
