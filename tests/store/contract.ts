/**
 * What any store must keep of `src/domain/store.ts`, as one suite: a second store passes it or is none. Only the
 * interface is used, so nothing here knows of SQLite.
 */
import { describe } from "bun:test";
import { contactRules } from "../domain/contacts.ts";
import { phoneSessionRules } from "../domain/phone-sessions.ts";
import { profileRules } from "../domain/profiles.ts";
import { accountCodeContract } from "./contract/account-codes.ts";
import { answerContract } from "./contract/answers.ts";
import { chatLogContract } from "./contract/chat-logs.ts";
import { chatContract } from "./contract/chats.ts";
import { commitContract } from "./contract/commits.ts";
import { confirmationContract } from "./contract/confirmations.ts";
import { contactContract } from "./contract/contacts.ts";
import { deletingContract } from "./contract/deleting.ts";
import { deliveryContract } from "./contract/deliveries.ts";
import { diskShareContract } from "./contract/disk-shares.ts";
import { editingContract } from "./contract/editing.ts";
import { eventContract } from "./contract/events.ts";
import { exchangeContract } from "./contract/exchanges.ts";
import { fileContract } from "./contract/files.ts";
import { groupContract } from "./contract/groups.ts";
import { historyContract } from "./contract/history.ts";
import { hookContract } from "./contract/hooks.ts";
import { linkContract } from "./contract/links.ts";
import { logInContract } from "./contract/log-ins.ts";
import { longTokenContract } from "./contract/long-tokens.ts";
import { messageContract } from "./contract/messages.ts";
import { deviceContract } from "./contract/mqtt-devices.ts";
import { peopleContract } from "./contract/people.ts";
import { phoneContract } from "./contract/phones.ts";
import { profileContract } from "./contract/profiles.ts";
import { receiptContract } from "./contract/receipts.ts";
import { searchContract } from "./contract/search.ts";
import type { OpenFresh } from "./contract/stage.ts";
import { topicContract } from "./contract/topics.ts";
import { uploadContract } from "./contract/uploads.ts";
import { webhookContract } from "./contract/webhooks.ts";

export type { OpenedForTest } from "./contract/stage.ts";

export function storeContract(name: string, openFresh: OpenFresh): void {
  describe(name, () => {
    describe("people", () => peopleContract(openFresh));
    describe("MQTT devices", () => deviceContract(openFresh));
    describe("topics", () => topicContract(openFresh));
    describe("log-ins", () => logInContract(openFresh));
    describe("links", () => linkContract(openFresh));
    describe("codes of accounts", () => accountCodeContract(openFresh));
    describe("long-lived tokens", () => longTokenContract(openFresh));
    describe("contacts", () => contactContract(openFresh));
    describe("phones", () => phoneContract(openFresh));
    describe("profiles", () => profileContract(openFresh));
    describe("chats", () => chatContract(openFresh));
    describe("groups", () => groupContract(openFresh));
    describe("hooks", () => hookContract(openFresh));
    describe("messages", () => messageContract(openFresh));
    describe("deleting", () => deletingContract(openFresh));
    describe("editing", () => editingContract(openFresh));
    describe("chat logs", () => chatLogContract(openFresh));
    describe("large content", () => fileContract(openFresh));
    describe("uploads", () => uploadContract(openFresh));
    describe("shares of the disk", () => diskShareContract(openFresh));
    describe("events", () => eventContract(openFresh));
    describe("deliveries", () => deliveryContract(openFresh));
    describe("receipts", () => receiptContract(openFresh));
    describe("confirmations", () => confirmationContract(openFresh));
    describe("exchanges", () => exchangeContract(openFresh));
    describe("kept answers", () => answerContract(openFresh));
    describe("search", () => searchContract(openFresh));
    describe("webhooks", () => webhookContract(openFresh));
    describe("commits", () => commitContract(openFresh));
    describe("whole histories", () => historyContract(openFresh));
  });
}

/** The same for rules that a store keeps together with the domain, through the use cases. */
export function useCaseContract(name: string, openFresh: OpenFresh): void {
  describe(name, () => {
    describe("contacts", () => contactRules(openFresh));
    describe("log-ins by phone", () => phoneSessionRules(openFresh));
    describe("profiles", () => profileRules(openFresh));
  });
}
