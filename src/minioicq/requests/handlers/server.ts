/** What a client may know of the server itself, also before it logs in (docs/protocols/minioicq.md). */
import { version } from "../../../lib/version.ts";
import type { OpenHandler } from "../action.ts";
import { answerWith } from "../answer.ts";

export const serverInfo: OpenHandler<{ readonly action: "server.info" }> = {
  parse: () => ({ action: "server.info" }),
  handle: async ({ shared: { domain, limits, options } }) => {
    const { name, registration, messageBytesMax, fileBytesMax, chatMembersMax, passwordCharactersMin } = options.about;
    return answerWith({
      action: "server.info.success",
      name,
      version,
      epoch: domain.epoch,
      registration,
      invites: domain.accounts.invites,
      directory: domain.directory,
      limits: {
        frame_bytes: limits.frameBytesMax,
        message_bytes: messageBytesMax,
        file_bytes: fileBytesMax,
        chat_members: chatMembersMax,
        messages_per_request: limits.messagesPerRequestMax,
        password_min_length: passwordCharactersMin,
      },
    });
  },
};
