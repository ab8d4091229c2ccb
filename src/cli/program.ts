/** The command line: which commands there are. Each command's work is loaded when it is chosen, so that start-up stays short. */
import { Argument, Command, CommanderError } from "commander";
import { settingsHelp } from "../config/texts.ts";
import { replaceControls } from "../lib/control-characters.ts";
import { version } from "../lib/version.ts";
import { Answered, describeFailure, exitCodes, exitCodesHelp } from "./exit.ts";

/** Runs one command line and gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const program = createProgram(args);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    // Commander has printed its own line already; a help text is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (error instanceof Answered) return error.exitCode;
    const { exitCode, message } = describeFailure(error);
    for (const line of message.split("\n")) process.stderr.write(`roost: ${replaceControls(line)}\n`);
    return exitCode;
  }
}

/** With the whole of the command that `args` begin with; where they name none, with all of them. */
function createProgram(args: readonly string[]): Command {
  const program = new Command("roost")
    .description("A self-hosted chat server in one executable with one data folder.")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .showHelpAfterError("(roost --help lists the commands)")
    .addHelpText("after", `\n${exitCodesHelp}`);

  const named = args[0] === undefined || !Object.hasOwn(commands, args[0]) ? undefined : commands[args[0]];
  for (const add of named === undefined ? Object.values(commands) : [named]) add(program);
  return program;
}

/** In the order in which help lists them. */
const commands: Readonly<Record<string, (program: Command) => void>> = {
  serve: addServe,
  init: addInit,
  config: addConfig,
  user: addUser,
  group: addGroup,
  device: addDevice,
  token: addToken,
  hook: addHook,
  clients: addClients,
  key: addKey,
  clock: addClock,
  version: addVersion,
};

const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];
const publishOption = ["--publish <pattern>", "a topic filter to publish to; may be repeated", collect] as const;
const subscribeOption = ["--subscribe <pattern>", "a topic filter to subscribe to; may be repeated", collect] as const;
const passwordFile = ["--password-file <file>", "read the password from a file, - is standard input"] as const;

function addServe(program: Command): void {
  command(
    program,
    "serve",
    "run the server until it is told to stop (SIGTERM, SIGINT; SIGHUP reloads the certificate and log.level)",
  )
    .option("--http <address>", "HOST:PORT of REST and WebSocket; port 0 lets the system choose")
    .option("--mqtt <address>", "HOST:PORT of MQTT, or off")
    .option("--new-database", "start empty where the database is lost or foreign; what is there is set aside")
    .option("--json", "the first line of output is one JSON object with the bound addresses")
    .addHelpText("after", () => `\n${settingsHelp()}`)
    .action(async (options) => (await import("./serve.ts")).serve(options));
}

function addInit(program: Command): void {
  command(program, "init", "write an annotated roost.toml")
    .option("--force", "overwrite the file that is there")
    .action(async (options) => (await import("./init.ts")).init(options));
}

function addConfig(program: Command): void {
  const config = group(program, "config", "what the server would run with");
  command(config, "check", "read flags, environment and file, and name everything that is wrong")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./config.ts")).checkConfig(options));
  command(config, "show", "each setting in force and where it came from")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./config.ts")).showSettings(options));
}

function addUser(program: Command): void {
  const user = group(program, "user", "the users of this server");
  command(user, "add", "make a user; the password is asked for, or read from standard input")
    .argument("<username>", "letters, digits and . @ _ : -")
    .option("--nick <nick>", "the name others see (default: the username)")
    .option(...passwordFile)
    .option("--json", "print JSON")
    .action(async (username, options) => (await import("./user.ts")).addUser(username, options));
  command(user, "list", "the users, by rising id")
    .option("--after <id>", "only users with a higher id")
    .option("--limit <count>", "list at most this many; all users without it")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./user.ts")).listUsers(options));
  command(user, "passwd", "set a user's password; it is asked for, or read from standard input")
    .argument("<user>", "username or id")
    .option(...passwordFile)
    .option("--all", "end the tokens that a backend made, too")
    .option("--keep", "end nothing")
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setPassword(name, options));

  const userArgument = ["<user>", "username or id"] as const;
  command(user, "show", "one user")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).showUser(name, options));
  command(user, "reset", "print a code by which the user sets a new password, once within 15 minutes")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).resetUser(name, options));
  command(user, "login-name", "set or remove the name that a user may type in place of the number to log in")
    .argument(...userArgument)
    .argument("[login-name]", "3 to 32 lower-case letters, digits and . _ -, a letter first")
    .option("--remove", "remove it")
    .option("--json", "print JSON")
    .action(async (name, loginName, options) => (await import("./user.ts")).setLoginName(name, loginName, options));
  command(user, "disable", "lock a user out: log-ins, tokens and connections end at once")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setUserDisabled(name, true, options));
  command(user, "enable", "let a disabled user log in again")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setUserDisabled(name, false, options));
  command(user, "rm", "remove a user for good; the messages stay in their chats, and no will of the user is published")
    .argument(...userArgument)
    .option("--retained", "remove the messages that the user retained on MQTT topics, too")
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).removeUser(name, options));
  command(user, "topics", "the ordinary MQTT topics that a user may use: show, replace or remove the patterns")
    .argument(...userArgument)
    .option(...publishOption)
    .option(...subscribeOption)
    .option("--none", "no topics at all")
    .option("--clear", "remove the patterns")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
In a pattern %u is the username. Patterns replace all earlier ones; with patterns one way only, nothing the other way.
Without any pattern, of its own or of a group, a user made by roost user add may use everything outside the reserved
prefixes, and any other user nothing. Open subscriptions, queued messages and wills feel a change at once.`,
    )
    .action(async (name, options) => (await import("./user.ts")).userTopics(name, options));
  command(user, "trust", "treat a user as made by the operator: all MQTT topics, unless patterns say otherwise")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).trustUser(name, options));
  command(user, "invite", 'make an invitation and print it once; for registration = "invite"')
    .option("--uses <count>", "how many people may register with it (default: 1)")
    .option("--days <days>", "how long it is good (default: 7)")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./user.ts")).invite(options));
}

function addGroup(program: Command): void {
  const groups = group(program, "group", "patterns of MQTT topics for many users and devices");
  const name = ["<name>", "the group's name"] as const;
  command(groups, "add", "make a group with its patterns")
    .argument(...name)
    .option(...publishOption)
    .option(...subscribeOption)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
A member may use what its own patterns and those of all its groups allow, and nothing else. In a pattern %u is the
member's name; %c is the client id of a device, and for a user a pattern with %c allows nothing.`,
    )
    .action(async (named, options) => (await import("./group.ts")).addGroup(named, options));
  command(groups, "list", "the groups, by name")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./group.ts")).listGroups(options));
  command(groups, "topics", "replace a group's patterns")
    .argument(...name)
    .option(...publishOption)
    .option(...subscribeOption)
    .option("--json", "print JSON")
    .action(async (named, options) => (await import("./group.ts")).setGroup(named, options));
  command(groups, "members", "list the members, or change them")
    .argument(...name)
    .option("--add <member>", "a user or a device; may be repeated", collect)
    .option("--remove <member>", "a user or a device; may be repeated", collect)
    .option("--json", "print JSON")
    .action(async (named, options) => (await import("./group.ts")).groupMembers(named, options));
  command(groups, "rm", "remove a group; its members lose its patterns")
    .argument(...name)
    .option("--json", "print JSON")
    .action(async (named, options) => (await import("./group.ts")).removeGroup(named, options));
}

function addDevice(program: Command): void {
  const device = group(program, "device", "MQTT clients with a name and a password of their own");
  command(device, "add", "make a device; its password is generated and printed once")
    .argument("<name>", "letters, digits, dots, dashes and underscores; no user has it")
    .option(...publishOption)
    .option(...subscribeOption)
    .option("--certificate <subject>", "the client certificate that stands for it, such as CN=sensor-1,O=Acme")
    .option("--user <user>", "the user in whose name it may write to chats")
    .option(
      "--chat <key[=read|write]>",
      "make it a member of this group, which hears and writes; may be repeated",
      collect,
    )
    .option(...passwordFile)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
In a pattern %u is the device's name and %c its client id. Without any pattern it may publish and subscribe to everything
outside the reserved prefixes; with patterns one way only, nothing the other way. $SYS/# among --subscribe lets it read
the broker's own values. With a certificate a password is made only if --password-file names one.`,
    )
    .action(async (name, options) => (await import("./device.ts")).addDevice(name, options));
  command(device, "set", "change what a device may do; open connections, queued messages and wills feel it at once")
    .argument("<name>", "the device's name")
    .option(...publishOption)
    .option(...subscribeOption)
    .option("--default-topics", "everything outside the reserved prefixes, as without patterns")
    .option("--user <user>", "the user in whose name it may write to chats")
    .option("--no-user", "it may not write to chats")
    .option("--json", "print JSON")
    .addHelpText("after", "\nPatterns replace all earlier ones; with patterns one way only, nothing the other way.")
    .action(async (name, options) => (await import("./device.ts")).setDevice(name, options));
  command(device, "passwd", "make a new password and print it once; connections by the old one end")
    .argument("<name>", "the device's name")
    .option(...passwordFile)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./device.ts")).setDevicePassword(name, options));
  command(device, "list", "the devices, by name")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./device.ts")).listDevices(options));
  command(device, "revoke", "remove a device; its connections end at once, and no will of it is published")
    .argument("<name>", "the device's name")
    .option("--retained", "remove the messages that it retained, too")
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./device.ts")).revokeDevice(name, options));
  command(device, "may", "may this device, or this user, publish or subscribe to a topic? no ends with 1")
    .argument("<name>", "a device's name, a username or a user's id")
    .addArgument(new Argument("<action>").choices(["publish", "subscribe"]))
    .argument("<topic>", "a topic, or a topic filter to subscribe with")
    .option("--client-id <id>", "what %c stands for")
    .option("--json", "print JSON")
    .action(async (name, action, topic, options) =>
      (await import("./device.ts")).deviceMay({ name, action, topic }, options),
    );
}

function addToken(program: Command): void {
  const token = group(program, "token", "long-lived tokens, for programs that log in as a user or a device");
  const scopes: { option: "scope" | "topic" | "chat"; value: string }[] = [];
  const collectScope = (option: "scope" | "topic" | "chat") => (value: string) => void scopes.push({ option, value });
  command(token, "add", "make a token and print it once")
    .argument("<owner>", "a device's name, a username or a user's id")
    .option("--scope <what>", "publish, read or send; may be repeated", collectScope("scope"))
    .option("--topic <pattern>", "of the scope before it: a topic filter; may be repeated", collectScope("topic"))
    .option(
      "--chat <pattern>",
      "of the scope before it: a chatID, * is any text; may be repeated",
      collectScope("chat"),
    )
    .option("--name <name>", "what you call the token")
    .option("--expires <duration>", "when it ends, such as 90 d; without it never")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Without --scope it opens what its owner may do, besides accounts, tokens and log-ins. With scopes it opens only these:
publish --topic, read --topic and --chat, send --chat. It never opens what its owner may not do.

A user's token is a password for MQTT, the token of auth.login, and the token of REST; a device's is a password for MQTT.
It ends with roost token revoke, with its user or device, and with roost user passwd.`,
    )
    .action(async (owner, options) => (await import("./token.ts")).addToken(owner, options, scopes));
  command(token, "list", "the tokens, with their last use")
    .argument("[owner]", "a device's name, a username or a user's id")
    .option("--json", "print JSON")
    .action(async (owner, options) => (await import("./token.ts")).listTokens(owner, options));
  command(token, "revoke", "end a token; its connections end at once")
    .argument("<token>", "its id, as roost token list shows it")
    .option("--json", "print JSON")
    .action(async (tokenId, options) => (await import("./token.ts")).revokeToken(tokenId, options));
}

function addHook(program: Command): void {
  const hook = group(program, "hook", "addresses whose posts become messages of a chat");
  command(hook, "add", "make an address for a chat and print it once")
    .argument("<chat>", "a group's chatID or number")
    .option("--name <name>", "whom the chat shows as the sender")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Post to the server's HTTP port and this path: a text, JSON with a text, or what Slack's and Mattermost's incoming webhooks take.
The address is all that a sender needs, so keep it as you keep a password.`,
    )
    .action(async (chat, options) => (await import("./hook.ts")).addHook(chat, options));
  command(hook, "list", "the hooks of a chat, or of all chats")
    .argument("[chat]", "a group's chatID or number")
    .option("--json", "print JSON")
    .action(async (chat, options) => (await import("./hook.ts")).listHooks(chat, options));
  command(hook, "rm", "remove a hook: its address leads nowhere from now on, and its messages stay")
    .argument("<hook>", "its id, as roost hook list shows it")
    .option("--json", "print JSON")
    .action(async (hookId, options) => (await import("./hook.ts")).removeHook(hookId, options));
}

function addClients(program: Command): void {
  const clients = command(program, "clients", "who is connected: door, account, client, address, subscriptions, queue")
    .option("--of <account>", "only clients of this user (username or id) or device")
    .option("--limit <count>", "list at most this many; all clients without it")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./clients.ts")).listClients(options));
  command(clients, "end", "end connections; a client may come back (roost user disable, roost device revoke)")
    .argument("<names...>", "users (username or id), devices, or client ids")
    .option("--json", "print JSON")
    .action(async (names, options, own: Command) =>
      (await import("./clients.ts")).endClients(names, { ...own.optsWithGlobals(), ...options }),
    );
}

function addKey(program: Command): void {
  const key = group(program, "key", "the key a company's backend shows on REST");
  command(key, "show", "its fingerprint and age; the key itself is stored hashed")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./key.ts")).showKey(options));
  command(key, "rotate", "make a new key and print it once; the old one stops working at once")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./key.ts")).rotateKey(options));
}

function addClock(program: Command): void {
  command(program, "clock", "how the machine's clock was set, and what waits because of that")
    .addArgument(
      new Argument("[action]", "accept: the clock is right, so what was to end by now ends at once").choices([
        "accept",
      ]),
    )
    .option("--json", "print JSON")
    .action(async (action, options) => {
      const { acceptClock, showClock } = await import("./clock.ts");
      await (action === "accept" ? acceptClock(options) : showClock(options));
    });
}

function addVersion(program: Command): void {
  program
    .command("version")
    .description("print the version")
    .option("--licences", "print the licences of everything the executable holds")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./version.ts")).printVersion(options));
}

/** A command that works on a data folder. */
function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option("--data <dir>", "the data folder (default: ./roost-data)")
    .option("--config <file>", "the configuration file (default: roost.toml in the data folder)");
}

const group = (parent: Command, name: string, description: string): Command =>
  parent.command(name).description(description);
