/** The command line: which commands there are. Each command's work is loaded when it is chosen, so that start-up stays short. */
import { Argument, Command, CommanderError } from "commander";
import { settingsHelp } from "../config/texts.ts";
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
    process.stderr.write(`${message.replace(/^/gm, "roost: ")}\n`);
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
  device: addDevice,
  key: addKey,
  version: addVersion,
};

const passwordFile = ["--password-file <file>", "read the password from a file, - is standard input"] as const;

function addServe(program: Command): void {
  command(
    program,
    "serve",
    "run the server until it is told to stop (SIGTERM, SIGINT; SIGHUP reloads the certificate and log.level)",
  )
    .option("--http <address>", "HOST:PORT of REST and WebSocket; port 0 lets the system choose")
    .option("--mqtt <address>", "HOST:PORT of MQTT, or off")
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
    .argument("<username>", "letters, digits, dots and dashes")
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
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setPassword(name, options));

  const userArgument = ["<user>", "username or id"] as const;
  command(user, "disable", "lock a user out: log-ins, tokens and connections end at once")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setUserDisabled(name, true, options));
  command(user, "enable", "let a disabled user log in again")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).setUserDisabled(name, false, options));
  command(user, "rm", "remove a user for good; the messages stay in their chats")
    .argument(...userArgument)
    .option("--json", "print JSON")
    .action(async (name, options) => (await import("./user.ts")).removeUser(name, options));
  command(user, "invite", 'make an invitation and print it once; for registration = "invite"')
    .option("--uses <count>", "how many people may register with it (default: 1)")
    .option("--days <days>", "how long it is good (default: 7)")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./user.ts")).invite(options));
}

function addDevice(program: Command): void {
  const collect = (pattern: string, earlier: readonly string[] = []): string[] => [...earlier, pattern];
  const device = group(program, "device", "MQTT clients with a name and a password of their own");
  command(device, "add", "make a device; its password is generated and printed once")
    .argument("<name>", "letters, digits, dots, dashes and underscores; no user has it")
    .option("--publish <pattern>", "a topic filter it may publish to; may be repeated", collect)
    .option("--subscribe <pattern>", "a topic filter it may subscribe to; may be repeated", collect)
    .option("--certificate <subject>", "the client certificate that stands for it, such as CN=sensor-1,O=Acme")
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
  command(device, "list", "the devices, by name")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./device.ts")).listDevices(options));
  command(device, "revoke", "remove a device; its connections end at once")
    .argument("<name>", "the device's name")
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

function addKey(program: Command): void {
  const key = group(program, "key", "the key a company's backend shows on REST");
  command(key, "show", "its fingerprint and age; the key itself is stored hashed")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./key.ts")).showKey(options));
  command(key, "rotate", "make a new key and print it once; the old one stops working at once")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./key.ts")).rotateKey(options));
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
