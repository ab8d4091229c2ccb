/** What the first sight of the client does without: fetched once one is logged in, and at hand from then on. */
export { Details } from "./details/details.tsx";
export { Settings } from "./settings/settings.tsx";
export { NewChat } from "./sidebar/new-chat.tsx";
export { People } from "./sidebar/people.tsx";
export { Search } from "./sidebar/search.tsx";
