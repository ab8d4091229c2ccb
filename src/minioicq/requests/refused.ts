/** Notes for the operator what a client was refused. */
import type { DomainError } from "../../domain/errors.ts";
import type { User } from "../../domain/model.ts";
import type { Who } from "../../domain/people/refusals.ts";
import type { Shared } from "../shared.ts";
import type { Request } from "./actions.ts";
import { userOf } from "./handlers/auth.ts";
import type { PendingRequest } from "./queue.ts";

export async function noteRefusal(
  { domain }: Pick<Shared, "domain">,
  client: { readonly user: User | undefined; readonly address: string; readonly name: string | undefined },
  request: Request,
  reason: DomainError,
): Promise<void> {
  const { address, name: clientId } = client;
  const who = request.action === "auth.login" ? await whoIs(domain, request.login) : whoAsks(client.user);
  domain.refusals.note({ door: "minioicq", asked: request.action, who, address, clientId, reason });
}

const whoAsks = (user: User | undefined): Who => (user === undefined ? { stranger: undefined } : { user });

/** Whose account a client tried; with a wrong token or link that is not known. */
async function whoIs(
  domain: Shared["domain"],
  login: Extract<Request, { action: "auth.login" }>["login"],
): Promise<Who> {
  if (login.by !== "password") return { stranger: undefined };
  const user = await userOf(domain, login);
  return user === undefined ? { stranger: login.account } : { user };
}

/** Whether it tries a password under a name, rather than under an id. */
export const triesName = (request: PendingRequest["request"]): boolean =>
  request.action === "auth.login" &&
  "login" in request &&
  request.login.by === "password" &&
  request.login.userId === undefined;
