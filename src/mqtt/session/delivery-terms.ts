/**
 * How a message goes to one session, and what a share group needs for a message that may have to go to another member.
 */
import type { PublishForm } from "../publish/publish-form.ts";

/** The share group from which the session was chosen. */
export interface Sharing {
  /** As its members subscribed. */
  readonly sharedFilter: string;
  /** A member left without having acknowledged the message. */
  forwardCopy(copy: SharedCopy): void;
}

export interface DeliveryTerms {
  readonly retain: 0 | 1;
  readonly subscriptionIds: readonly number[] | undefined;
  readonly group: Sharing | undefined;
}

export const plainDelivery: DeliveryTerms = { retain: 0, subscriptionIds: undefined, group: undefined };

/** A message as it was sent to a member whose session may end before it is acknowledged. */
export class SharedCopy {
  readonly group: Sharing;
  readonly topic: string;
  readonly form: PublishForm;

  constructor(group: Sharing, topic: string, form: PublishForm) {
    this.group = group;
    this.topic = topic;
    this.form = form;
  }
}
