/**
 * The version this program reports. The build sets version and commit; without a build it is the version of
 * package.json.
 */
import manifest from "../../package.json" with { type: "json" };

declare const ROOST_BUILD: { readonly version: string; readonly commit: string | null } | undefined;

const build = typeof ROOST_BUILD === "undefined" ? undefined : ROOST_BUILD;

/** `1.2.3`, or `1.2.3+a1b2c3d` for a build that knows its commit. */
export const version: string =
  build === undefined || build.commit === null
    ? (build?.version ?? manifest.version)
    : `${build.version}+${build.commit}`;
