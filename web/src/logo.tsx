// The mark: two arches of the race, and the water below them.
export const Logo = ({ size = 26 }: { size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 26 26" aria-hidden="true">
    <path d="M4 15V9.5a4.5 4.5 0 0 1 9 0V15M13 9.5a4.5 4.5 0 0 1 9 0V15" />
    <path d="M2.5 20.5c1.8-1.3 3.5-1.3 5.2 0s3.5 1.3 5.3 0 3.5-1.3 5.2 0 3.5 1.3 5.3 0" />
  </svg>
)
