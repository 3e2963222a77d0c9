/** A process that trains in the folder $1 with a log and checkpoints, all of which it keeps, until the disk is full: exits with 3 and the error. */
import { ready } from '../../lib/tensor/backend'
import { runToKill } from '../train/trainee'

ready().then(() => runToKill(process.argv[2], 5000, 5000)).then(() => process.exit(0), (error: Error) => { console.error(error.message); process.exit(3) })
