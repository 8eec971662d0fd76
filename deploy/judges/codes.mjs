// Usage: node codes.mjs FOLDER. For each file NAME-DPI.zpl in the folder, writes a picture as a printer of this resolution
// would print its first label. Prints the sizes in modules of the symbols that bwip-js makes for the texts on standard input, a JSON array.
import fs from 'node:fs'
import path from 'node:path'
import {createRequire} from 'node:module'

const judges = createRequire(path.join(process.env.JUDGES, 'package.json'))
const bwip = judges('bwip-js')
const {ready} = judges('zpl-renderer-js')
const folder = process.argv[2]

const dotsPerMillimetre = {203: 8, 300: 12, 600: 24}
const {api} = await ready
for (const name of fs.readdirSync(folder).filter(n => n.endsWith('.zpl'))) {
  const picture = await api.zplToBase64Async(fs.readFileSync(path.join(folder, name), 'utf8'), 70, 37, dotsPerMillimetre[name.match(/-(\d+)\.zpl$/)[1]])
  fs.writeFileSync(path.join(folder, name + '.png'), Buffer.from(picture, 'base64'))
}
const sizes = JSON.parse(fs.readFileSync(0)).map(({kind, text, ecc}) => {
  const name = {qr: 'qrcode', datamatrix: 'datamatrix', gs1datamatrix: 'gs1datamatrix'}[kind]
  return bwip.raw({bcid: name, text, ...(kind === 'qr' ? {eclevel: ecc} : {}), ...(kind === 'gs1datamatrix' ? {parse: true} : {})})[0].pixx
})
console.log(JSON.stringify(sizes))
process.exit(0)
