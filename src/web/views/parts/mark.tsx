/** The operator's picture, where the page has one: then it is the icon of every size. */
function operatorsLogo(): string | undefined {
  const [icon, touchIcon] = ["icon", "apple-touch-icon"].map(
    (name) => document.querySelector<HTMLLinkElement>(`link[rel="${name}"]`)?.href,
  );
  return icon !== undefined && icon === touchIcon ? icon : undefined;
}

/** The mark of the server: the operator's picture, else a bird as in Roost's icon, on a ground of the accent's colour. */
export function Mark({ size = 56 }: { size?: number }) {
  const logo = operatorsLogo();
  if (logo !== undefined) return <img class="mark" src={logo} alt="" width={size} height={size} />;
  return (
    <svg class="mark" viewBox="0 0 64 64" width={size} height={size} aria-hidden="true">
      <rect width="64" height="64" rx="16" class="mark-ground" />
      <path
        class="mark-crest"
        d="M18 15a5 5 0 0 1 8.1-3.9 5.5 5.5 0 0 1 9.8 0A5 5 0 1 1 37 19.6H23.5A5 5 0 0 1 18 15z"
      />
      <path
        class="mark-bird"
        d="M31 14c10.5 0 18 7 18 16.5S41.5 47 31 47c-2.7 0-5.2-.45-7.5-1.3L13 50l3-9.8c-1.9-2.7-3-6-3-9.7C13 21 20.5 14 31 14z"
      />
      <path class="mark-beak" d="M47.5 25.5 58 30.5 48.5 35z" />
      <circle cx="38" cy="27" r="3" class="mark-eye" />
    </svg>
  );
}
