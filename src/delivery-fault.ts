// DeliveryFault: what a sink says when a delivery failed and it knows how far it came. A plain fault
// means that nothing is known: all events of the call are delivered again.
import { Fault, type FaultCode, type FaultOptions } from './errors.ts'
import type { Event } from './event.ts'

export class DeliveryFault extends Fault {
  override name = 'DeliveryFault'
  /** Those events of the call that are not known to be delivered, in their order. */
  readonly undelivered: readonly Event[]
  /** The one of them that can never be delivered as it is, where it is known which; null otherwise. */
  readonly event: Event | null

  constructor(
    code: FaultCode,
    message: string,
    known: { undelivered: readonly Event[]; event?: Event | null } & FaultOptions,
  ) {
    super(code, message, known)
    this.undelivered = known.undelivered
    this.event = known.event ?? null
  }
}
