/** The records that the services send, each in the layout of its document (docs/protocols/erlang-terms.md). */
import type { User } from "../../domain/model.ts";
import { phoneIdOf } from "../../domain/phones/phones.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";

/** The entry for a user in another user's list. */
export interface ContactView {
  readonly user: Pick<User, "userId" | "phone" | "names" | "surnames" | "nick" | "avatarLink">;
  readonly status: string;
  readonly updatedAtMs: number;
  /** Undefined where it is unknown, or the reader may not see it. */
  readonly presence?: "online" | "offline" | undefined;
  /** The last message that the user has read, of the chat on whose topic this is told. */
  readonly reader?: number | undefined;
}

/** What is shown of a user who has not agreed to be known, where strangers are hidden: the PhoneId alone. */
export const asStranger = <Shown extends ContactView["user"]>(user: Shown): Shown => ({
  ...user,
  names: "",
  surnames: "",
  nick: "",
  avatarLink: "",
});

const unset: WireTerm = [];

export const textField = (text: string | undefined): WireTerm =>
  text === undefined || text === "" ? unset : binary(text);

export const phoneIdField = (user: Pick<User, "userId" | "phone">): WireTerm => binary(phoneIdOf(user));

/** `{'Contact',PhoneId,Avatar,Names,Surnames,PersonId,Update,Status}`: for `actions/1/api/phone/{phone}` only. */
export const contact8 = ({ user, status, updatedAtMs }: ContactView): WireTerm =>
  new Tuple([
    atom("Contact"),
    phoneIdField(user),
    textField(user.avatarLink),
    textField(user.names),
    textField(user.surnames),
    unset,
    updatedAtMs,
    atom(status),
  ]);

/** A phone that no user has whom the reader may find. */
export const unknownContact = (phone: string): WireTerm =>
  new Tuple([
    atom("Contact"),
    binary(phone),
    ...Array.from({ length: 6 }, () => unset),
    0,
    0,
    unset,
    0,
    unset,
    unset,
    atom("not_existence"),
  ]);

/**
 * `{'Contact',PhoneId,Avatar,Names,Surnames,Nick,Email,VoxId,Reader,Unread,LastMsg,Update,Settings,Presence,Status}`: for
 * `ses/{phone}`, and within a Roster.
 */
export const contact15 = ({ user, status, updatedAtMs, presence, reader = 0 }: ContactView): WireTerm =>
  new Tuple([
    atom("Contact"),
    phoneIdField(user),
    textField(user.avatarLink),
    textField(user.names),
    textField(user.surnames),
    textField(user.nick),
    unset,
    unset,
    reader,
    0,
    unset,
    updatedAtMs,
    unset,
    presence === undefined ? unset : atom(presence),
    atom(status),
  ]);
