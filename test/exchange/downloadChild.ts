// Run by download.test.ts as a process of its own, which is then killed in the middle of a transfer.
import { download } from '../../lib/exchange/download'
import type { Download } from '../../lib/exchange/downloads'

const [entry, cache] = process.argv.slice(2)
process.send!('started')
void download(JSON.parse(entry) as Download, { cache, mirror: '' })
