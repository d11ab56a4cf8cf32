// Light or dark: as the system has it, until the reader chooses.
export function switchTheme(): void {
  const { dataset } = document.documentElement
  const isDark =
    (dataset['theme'] ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark'
  dataset['theme'] = isDark ? 'light' : 'dark'
  localStorage.setItem('theme', dataset['theme'])
}

export function restoreTheme(): void {
  const theme = localStorage.getItem('theme')
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset['theme'] = theme
}
