// Patterns of Joda-Time and texts for them: those that people write, every letter in every length, and both put
// together and damaged at random, always the same for one seed.
export type JodaCase = readonly [zone: string, pattern: string, text: string]

const zones = [
  'UTC',
  'Asia/Shanghai',
  'America/New_York',
  'Europe/London',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
]

/** What anybody may write, and what lies at the edges. */
const chosen: readonly (readonly [pattern: string, ...texts: string[]])[] = [
  [
    'yyyy-MM-dd HH:mm:ss',
    '2024-02-29 23:59:60',
    '2024-2-9 3:5:7',
    '0001-01-01 00:00:00',
    '1900-02-29 00:00:00',
  ],
  [
    'yyyy-MM-dd',
    '0000-12-31',
    '-0001-01-01',
    '+12024-01-01',
    '292278993-12-31',
    '292278994-01-01',
    '9999999999-01-01',
  ],
  [
    'yy-MM-dd',
    '23-01-02',
    '45-06-07',
    '46-06-07',
    '47-06-07',
    '99-12-31',
    '1-1-1',
    '123-01-01',
    '-5-01-01',
    '+17-01-01',
  ],
  ['yyMMdd', '230102', '990102', '2301020', '-30102'],
  ['yy', '-', '+', '-/', '--5', '+-5', '+5', '00', '7'],
  ['yyyy', '69', '1969', '12345', '-', '+1', '-1'],
  ['yyyyMMdd', '20240102', '+20240102', '-20240102', '202401020'],
  [
    'MMM dd HH:mm:ss',
    'Feb 29 12:00:00',
    'Mar  1 12:00:00',
    'mar 1 1:2:3',
    'MARCH 1 1:2:3',
    'mAr 1 1:2:3',
    'Sept 1 1:2:3',
  ],
  ['dd', '29', '31', '0'],
  ['HH:mm', '00:00', '24:00', '7:5', '7:'],
  ['DDD', '366', '60', '0'],
  ['yyyy-DDD', '2023-366', '2024-366', '2024-60'],
  ["xxxx-'W'ww-e", '2020-W53-5', '2021-W53-5', '2021-W01-1', '1-W01-1', '2021-w01-7'],
  ['ww', '1', '53', '54'],
  ['xx-ww', '20-53', '99-01', '5-01'],
  ['e', '1', '7', '8'],
  ['EEE', 'Fri', 'friday', 'FRI', 'fRI', 'Fr'],
  ['yyyy-MM-dd EEE', '2024-01-01 Mon', '2024-01-01 Fri'],
  ['hh:mm a', '12:30 AM', '12:30 pm', '13:30 PM', '00:30 AM', '12:30 Am'],
  ['KK:mm a', '00:30 PM', '12:30 PM', '11:59 AM'],
  ['kk:mm', '24:30', '00:30', '1:30'],
  ['a hh', 'PM 1', 'am 12'],
  ['yyyy G', '44 BC', '44 bce', '1 AD', '0 AD', '2024 ce', '2024 Ad'],
  ['YYYY G', '44 BC', '1 BC', '0 BC', '2024 AD', '-5 AD'],
  ['CCyy', '2024', '1999'],
  ['CC', '19', '0', '99'],
  ['HH:mm:ss.SSS', '01:02:03.4', '01:02:03.045', '01:02:03.4567', '01:02:03.'],
  ['HH:mm:ss.SSSSSSSSS', '01:02:03.123456789', '01:02:03.9999999999'],
  ['SSSSSSSSSSSSSSSSSSSSS', '123456789012345678', '1234567890123456789'],
  [
    "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    '2020-02-29T23:59:58.123+0130',
    '2020-02-29T23:59:58.123Z',
    '2020-02-29t23:59:58.123z',
  ],
  [
    'HH Z',
    '12 +08',
    '12 +0830',
    '12 +08:30',
    '12 +08:3',
    '12 +8',
    '12 +083',
    '12 +24:00',
    '12 -23:59:59.999',
    '12 -235959999',
    '12 +08:',
    '12 UTC',
    '12 -00:00:01,5',
  ],
  ['HH ZZ', '12 +0800', '12 -08:00', '12 Z'],
  ['HH z', '12 UTC', '12 UT', '12 GMT', '12 EST', '12 EDT', '12 PDT', '12 CET', '12 utc', '12 +08:00'],
  ['yyyy-MM-dd HH zzz', '2024-07-01 12 EST', '2024-01-01 12 EDT', '2024-03-10 02 PST', '2024-11-03 01 CDT'],
  ['HH zzzz', '12 UTC', '12 Coordinated Universal Time'],
  [
    'yyyy-MM-dd HH ZZZ',
    '2024-07-01 12 America/New_York',
    '2024-07-01 12 america/new_york',
    '2024-07-01 12 US/Pacific',
    '2024-07-01 12 PST',
    '2024-07-01 12 EST',
    '2024-07-01 12 GMT',
    '2024-07-01 12 Etc/GMT+5',
    '2024-07-01 12 America/Argentina/Buenos_Aires',
    '2024-07-01 12 America/',
  ],
  ['ZZZ/yyyy', 'UTC/2024', 'Asia/Tokyo/2024'],
  ["yyyy''MM 'o''clock' HH", "2024'05 o'clock 7", "2024'05 O'CLOCK 7", '2024 05 oclock 7'],
  ["'unclosed yyyy", 'unclosed yyyy', 'unclosed 2024'],
  ['yyyy年MM月dd日', '2024年05月06日', '2024年5月6日', '2024-05-06'],
  ["'text'", 'TEXT', 'tex'],
  ['HH HH', '5 6', '6 25'],
  [
    'yyyy-MM-dd HH:mm',
    '2024-03-10 02:30',
    '2024-11-03 01:30',
    '2024-03-31 01:30',
    '2024-10-27 01:30',
    '2024-10-06 02:15',
    '2024-04-07 01:45',
    '1883-11-18 12:01',
    '1847-12-01 00:00',
    '1847-11-30 23:59',
    '1800-01-01 00:00',
    '1900-12-31 23:58',
    '1895-02-01 00:00',
    '2500-07-01 12:00',
    '99999-01-01 00:00',
    '270000-07-01 00:00',
    '9999999-07-01 00:00',
  ],
  ...[
    '',
    "'",
    "''",
    'f',
    'Q',
    'n',
    'L',
    'XXX',
    'B',
    'c',
    'W',
    'F',
    'u',
    'yyyy-MM-ddTHH',
    'é',
    '-',
    'yyyyyyyyyyyy',
    'dddd',
    'EEEEEE',
    'GGGGG',
  ].map(pattern => [pattern, pattern, '2024'] as const),
]

const common = [
  'yyyy-MM-dd HH:mm:ss',
  'yyyy-MM-dd HH:mm:ss,SSS',
  "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
  "yyyy-MM-dd'T'HH:mm:ssZZ",
  'dd/MMM/yyyy:HH:mm:ss Z',
  'EEE MMM dd HH:mm:ss z yyyy',
  'EEEE, dd-MMM-yy HH:mm:ss zzz',
  'MMM d HH:mm:ss',
  'yy/MM/dd HH:mm:ss',
  'yyMMddHHmmss',
  'yyyyMMddHHmmssSSS',
  'MM/dd/yyyy hh:mm:ss a',
  'yyyyDDD',
  "xxxx-'W'ww-e",
  'yyyy-MM-dd G',
  'dd.MM.yy',
  'yyyy-MM-dd HH:mm ZZZ',
  'y-M-d',
  'H:m',
  'K:mm a',
]
const letters = [...'CxyYMdDweEaHkKhmsSzZG']
const separators = ['-', '/', ' ', ':', '.', '', ',', "'T'", ' ', "''", " 'at' "]
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July']
const laterMonths = ['August', 'September', 'October', 'November', 'December']
const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const names = [
  'UTC',
  'GMT',
  'UT',
  'EST',
  'EDT',
  'PST',
  'CST',
  'MDT',
  'CET',
  'utc',
  'Z',
  'Europe/London',
  '+01:00',
]
const ids = [
  'UTC',
  'Asia/Shanghai',
  'America/New_York',
  'America/Argentina/Buenos_Aires',
  'Etc/GMT+5',
  'EST5EDT',
  'GMT',
  'asia/shanghai',
  'PST',
  'America/',
  'US/Pacific',
  'GB',
  'Asia/Nowhere',
  'Z',
]
const offsets = [
  'Z',
  'z',
  '+00:00',
  '-05:00',
  '+0800',
  '+08',
  '+05:30',
  '-0330',
  '+8',
  '+8:00',
  '+08:0',
  '+080',
  '+08:00:30',
  '+080030',
  '+23:59',
  '+24:00',
  '-12:60',
  '+05:30:15.123',
  '+053015123',
  'UTC',
  '+08:',
  '+05:30:',
  '-00:00',
  '+1',
]

/** The chosen cases, and so many more. */
export function jodaCases(seed: number, count: number): JodaCase[] {
  const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  const int = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  const pick = <T>(list: readonly T[]): T => list[int(0, list.length - 1)]!
  const cased = (word: string) =>
    pick([word, word, word, word.toUpperCase(), word.toLowerCase(), word[0]! + word.slice(1).toUpperCase()])
  const padded = (value: number, width: number) =>
    (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(next() < 0.9 ? width : 1, '0')

  function textOf(letter: string, width: number, hasYear: boolean): string {
    const isWild = next() < 0.04
    const within = (least: number, most: number) =>
      padded(isWild ? int(least - 2, most + 3) : int(least, most), width)
    switch (letter) {
      case 'G':
        // An era before Christ without a year is the begin of Java's time, and nothing is right there.
        return cased(pick(hasYear ? ['AD', 'BC', 'CE', 'BCE'] : ['AD', 'CE']))
      case 'C':
        return padded(pick([19, 20, 20, int(0, 99)]), width)
      case 'x':
      case 'y':
      case 'Y':
        if (width === 2)
          return pick([padded(int(0, 99), 2), padded(int(0, 99), 2), String(int(0, 3000)), '-5', '+17', '7'])
        return padded(
          pick([
            int(1970, 2030),
            int(1880, 2016),
            int(1, 1900),
            int(-50, 50),
            isWild ? int(-3e8, 3e8) : 2015,
            int(2, 9999),
          ]),
          width,
        )
      case 'M':
        return width >= 3 ? cased(pick([...months, ...laterMonths]).slice(0, pick([3, 99]))) : within(1, 12)
      case 'd':
        return within(1, pick([28, 31]))
      case 'D':
        return within(1, 366)
      case 'w':
        return within(1, 53)
      case 'e':
        return within(1, 7)
      case 'E':
        return cased(pick(weekdays).slice(0, pick([3, 99])))
      case 'a':
        return cased(pick(['AM', 'PM']))
      case 'H':
        return within(0, 23)
      case 'K':
        return within(0, 11)
      case 'k':
        return within(1, 24)
      case 'h':
        return within(1, 12)
      case 'm':
      case 's':
        return within(0, 59)
      case 'S':
        return Array.from({ length: next() < 0.8 ? width : int(1, 9) }, () => int(0, 9)).join('')
      case 'z':
        return pick(names)
      default:
        return pick(width >= 3 ? ids : offsets)
    }
  }

  const patternOf = () => {
    const parts = Array.from({ length: int(1, 6) }, () =>
      pick(letters).repeat(pick([1, 1, 2, 2, 2, 3, 4, 5])),
    )
    return parts.map((part, index) => (index === 0 ? '' : pick(separators)) + part).join('')
  }
  const damaged = (text: string) => {
    const at = int(0, text.length)
    const ways = [
      `${text}${pick([' ', 'x', '0'])}`,
      text.slice(0, -1),
      ` ${text}`,
      text.slice(0, at) + pick([...'x-+ 9']) + text.slice(at + 1),
    ]
    return next() < 0.1 ? pick(ways) : text
  }

  const cases: JodaCase[] = []
  for (const [pattern, ...texts] of chosen)
    for (const text of texts)
      // Where clocks change matters in every zone.
      for (const zone of pattern === 'yyyy-MM-dd HH:mm' ? zones : [zones[cases.length % zones.length]!])
        cases.push([zone, pattern, text])
  while (cases.length < count) {
    const pattern = next() < 0.5 ? pick(common) : patternOf()
    const hasYear = /[yY]/.test(pattern)
    const parts = pattern.match(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+/g)!
    const text = parts.map(part =>
      part.startsWith("'")
        ? part === "''"
          ? "'"
          : cased(part.slice(1, -1))
        : /[A-Za-z]/.test(part)
          ? textOf(part[0]!, part.length, hasYear)
          : part,
    )
    cases.push([pick(zones), pattern, damaged(text.join(''))])
  }
  return cases
}
