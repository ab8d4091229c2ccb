/** The reference of /_/files. */
import type { Schemas } from "../schemas.ts";
import { fault, type OperationTable, problem, tooOften, usualOwn } from "./operation.ts";
import * as shapes from "./shapes.ts";

const place = { about: "Its body, and where it stands: also in Upload-Offset, Upload-Length, Upload-Complete." };
const bytes = { type: "image/png", file: "picture.png" };
const notYours = problem("There is no such file or upload, it ended, or it is not yours: always the same answer.");
const unsigned = problem("This server requires the signed form of participants that have a key.");

export const createFileOperations = (schemas: Schemas) =>
  ({
    "/_/files": {
      POST: {
        id: "postFile",
        summary: "Upload a file",
        about:
          "All of it in the body, with its Content-Type; or, with `Upload-Length`, its beginning or nothing, to go on with PATCH. The answer's `file` is good for a day: name it in a message as `file`, at any door. This path has no prefix.",
        caller: "participant",
        query: schemas.uploadQuery,
        headers: {
          "Upload-Length": { about: "All bytes of the file, where they do not all stand in this body." },
          "Upload-Complete": { about: "`?0`: the body is only a part." },
        },
        bytes,
        answers: {
          201: { about: "Made. Location is its address.", schema: shapes.upload },
          400: problem("A header or the name is wrong, there is no byte, or the lengths do not agree."),
          403: unsigned,
          411: problem("The body has no Content-Length."),
          413: problem("The file is larger than files.max_bytes."),
          415: problem("The body has a Content-Encoding."),
          ...usualOwn,
        },
      },
    },
    "/_/files/:file": {
      GET: {
        id: "getFile",
        summary: "Fetch a file, or look at an upload",
        about:
          "By a hash: its bytes, for who is in a chat with a message that has the file; `Range`, `If-Range` and `If-None-Match` work. By the id of an upload of yours: where it stands. This path has no prefix.",
        caller: "participant",
        answers: {
          200: { about: "The bytes, or the upload.", schema: shapes.upload, or: { about: "", bytes: true } },
          206: { about: "The part that was asked for.", bytes: true },
          304: { about: "The client has it.", empty: true },
          403: unsigned,
          404: notYours,
          416: { about: "It has no such part.", empty: true },
          ...usualOwn,
        },
      },
      HEAD: {
        id: "headFile",
        summary: "How far an upload has come",
        about: "As GET, without the body: Upload-Offset is where the next PATCH begins.",
        caller: "participant",
        answers: {
          200: { ...place, empty: true },
          403: { ...unsigned, empty: true },
          404: { ...notYours, empty: true },
          401: { about: "The access token is missing or wrong.", empty: true },
          429: { about: "Too many requests.", empty: true },
          "5XX": { about: "The server has a fault, or is stopping.", empty: true },
        },
      },
      PATCH: {
        id: "patchFile",
        summary: "Go on with an upload",
        about:
          "The body follows what is there. A newer request ends an older one that still writes. What came before a line broke is kept.",
        caller: "participant",
        headers: { "Upload-Offset": { about: "Where the body begins: what HEAD says.", example: "0" } },
        bytes: { ...bytes, type: "application/partial-upload" },
        answers: {
          200: { about: "Kept, on the disk.", schema: shapes.upload },
          400: problem("A header is wrong, or the body goes beyond the length."),
          403: unsigned,
          404: notYours,
          409: problem(
            "The upload goes on elsewhere, as Upload-Offset of the answer says; or a newer request took over.",
          ),
          411: problem("The body has no Content-Length."),
          415: problem("The body has a Content-Encoding."),
          ...usualOwn,
        },
      },
      DELETE: {
        id: "deleteUpload",
        summary: "End an upload",
        about: "Messages that name it keep their content.",
        caller: "participant",
        answers: { 200: { about: "Ended.", schema: shapes.nothing }, 403: unsigned, 404: notYours, ...usualOwn },
      },
    },
    "/_/avatars/:avatar": {
      GET: {
        id: "getAvatar",
        summary: "The picture of a user or a group",
        about:
          "By the address that a client was given. It needs no token: the address has the hash of the picture, which never changes. This path has no prefix.",
        caller: "anyone",
        answers: {
          200: { about: "The picture.", bytes: true },
          404: problem("There is no such picture, or no longer."),
          429: problem(tooOften.about),
          "5XX": problem(fault.about),
        },
      },
    },
    "/_/session": {
      POST: {
        id: "postSession",
        summary: "A cookie for a page",
        about:
          "Show an access token in a header. The browser then has a cookie by which `<img>`, `<video>` and downloads read files under /_/files/, and nothing else. It ends with the log-in, with DELETE, and when the server starts again. This path has no prefix.",
        caller: "participant",
        answers: {
          204: {
            about: "Set-Cookie has it. Where the browser has one of this log-in already it is the same.",
            empty: true,
          },
          403: problem(
            "A long-lived token has no cookie; or this server requires the signed form of participants that have a key.",
          ),
          ...usualOwn,
        },
      },
      DELETE: {
        id: "deleteSession",
        summary: "End the cookie of a page",
        about:
          "Ends the cookie that is shown, if any, and makes the browser forget it and the files that it kept. The log-in goes on.",
        caller: "anyone",
        answers: {
          204: { about: "Ended.", empty: true },
          429: problem(tooOften.about),
        },
      },
    },
  }) as const satisfies OperationTable;
