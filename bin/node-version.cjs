// Whether this Node is new enough: asked before anything is loaded that an old one cannot even read. CommonJS without
// a word that an old Node does not know, for both ways in: the launchers (start.mjs), and programs that import the package.
const [major, minor] = process.versions.node.split('.').map(Number)

/** What is wrong, without a full stop; null where nothing is. */
exports.complaint =
  major < 22 || (major === 22 && minor < 22)
    ? `Millrace needs Node 22.22 or newer, and ${process.execPath} is ${process.version}`
    : null
