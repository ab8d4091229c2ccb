/** Invitations, codes and log-ins that are not good, or not any more: the page says what to do. */
import { expect, test } from "bun:test";
import { asBackend } from "../rest/client.ts";
import { logIn, password, register } from "./acts.ts";
import { openBed, type Visit } from "./bed.ts";
import { isChromiumHere } from "./chromium.ts";
import { outsider } from "./outsiders.ts";

const journey = test.skipIf(!isChromiumHere);

const says = ({ page }: Visit, sentence: string) => page.getByText(sentence, { exact: true }).waitFor();

async function registerBy(visit: Visit, name: string): Promise<void> {
  await visit.page.getByLabel("Your name").fill(name);
  await visit.page.getByLabel("Password", { exact: true }).fill(password);
  await visit.page.getByRole("button", { name: "Create an account" }).click();
}

journey(
  "an invitation opens the registration once; a wrong and a used one are told, and so is a wrong code",
  async () => {
    await using bed = await openBed({ ROOST_REGISTRATION: "invite", ROOST_INVITES: "users" });
    const { token } = await outsider(bed.server, "warden");
    const linked = await asBackend(bed.server, "PUT /links", { accessToken: token, password });
    const { user_id: number } = JSON.parse(linked.text) as { user_id: string };
    const warden = await bed.visit({ size: "desk" });
    await logIn(warden.page, number);
    await warden.page.getByRole("button", { name: "Settings" }).click();
    await warden.page.getByRole("button", { name: "Invite someone" }).click();
    await warden.page.getByRole("button", { name: "Make an invitation" }).click();
    const link = await warden.page.getByLabel("Copy the link").inputValue();
    const path = link.slice(link.indexOf("/#"));
    expect(path).toStartWith("/#invite=");
    await warden.screenshot("invitation");

    const guest = await bed.visit({ size: "phone", path });
    await registerBy(guest, "Mia Kern");
    await guest.page.getByRole("heading", { name: "No chats yet" }).waitFor();
    for (const [name, notGood] of [
      ["used", path],
      ["wrong", "/#invite=ri_wrong"],
    ] as const) {
      const late = await bed.visit({ size: "phone", path: notGood });
      await registerBy(late, "Anna Vogel");
      await says(late, "The invitation is wrong, used or over. Ask for a new one.");
      await late.screenshot(`invitation-${name}`);
      // What was typed is still there for the next try.
      expect(await late.page.getByLabel("Your name").inputValue()).toBe("Anna Vogel");
      expect(late.problems).toEqual([]);
      await late.context.close();
    }
    const without = await bed.visit();
    await without.page.getByRole("button", { name: "Create an account" }).click();
    await says(without, "This server asks for an invitation. Open the link that you were sent, or type its code.");

    const forgetful = await bed.visit({ size: "phone", path: "/#reset=rr_wrong" });
    await forgetful.page.getByLabel("Name or number").fill(number);
    await forgetful.page.getByLabel("New password").fill("another horse");
    await forgetful.page.getByRole("button", { name: "Set a new password" }).click();
    await says(forgetful, "The code is wrong, used or over. Ask for a new one.");
    await forgetful.screenshot("reset-wrong");
    expect([warden, guest, without, forgetful].flatMap(({ problems }) => problems)).toEqual([]);
  },
);

journey("where registration is off the page says whom to ask, with an invitation too", async () => {
  await using bed = await openBed({ ROOST_REGISTRATION: "off" });
  const sentence = "This server takes no new accounts. Ask the person who runs the server for one.";
  const visit = await bed.visit({ size: "phone" });
  await visit.page.getByRole("button", { name: "Create an account" }).click();
  await says(visit, sentence);
  await visit.screenshot("registration-off");
  const invited = await bed.visit({ size: "phone", path: "/#invite=ri_any" });
  await says(invited, sentence);
  expect(await invited.page.getByLabel("Your name").count()).toBe(0);
  expect([...visit.problems, ...invited.problems]).toEqual([]);
});

journey("a log-in that is ended elsewhere is told in the page that is open, and one logs in again there", async () => {
  await using bed = await openBed();
  const desk = await bed.visit({ size: "desk" });
  await register(desk.page, "Mia Kern", "mia.k");
  const phone = await bed.visit({ size: "phone" });
  await logIn(phone.page, "mia.k");
  await phone.page.getByRole("button", { name: "Settings" }).click();
  await phone.page.getByRole("button", { name: "Where you are logged in" }).click();
  // The token, with which the connection at the desk came too.
  const token = phone.page.locator(".person-row", { hasNotText: "127.0.0.1" });
  await token.getByRole("button", { name: "Log out" }).click();
  await says(desk, "This log-in was ended elsewhere. Log in again.");
  await desk.screenshot("ended-elsewhere");
  await logIn(desk.page, "mia.k");
  await desk.page.getByRole("heading", { name: "No chats yet" }).waitFor();
  expect([...desk.problems, ...phone.problems]).toEqual([]);
});
