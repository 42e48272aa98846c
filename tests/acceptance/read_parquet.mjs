// Rows of Parquet files as JSON Lines, read by hyparquet: it shares no code with what wrote them.
//
//   node read_parquet.mjs NODE_MODULES FILE…
//
// A line per file {"file", "rows" (of its footer), "columns"}, then a line per row: a list of values in the
// order of the columns. Integers beyond 2^53 and decimals come as text.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const [modules, ...files] = process.argv.slice(2)
const find = createRequire(path.join(path.resolve(modules), 'any.js'))
const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } =
  await import(pathToFileURL(find.resolve('hyparquet')))

const plain = value => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  return value === undefined ? null : value
}

for (const name of files) {
  const file = await asyncBufferFromFile(name)
  const metadata = await parquetMetadataAsync(file)
  const columns = metadata.schema.slice(1).map(element => element.name)
  const rows = await parquetReadObjects({ file, metadata })
  const lines = [JSON.stringify({ file: name, rows: Number(metadata.num_rows), columns })]
  for (const row of rows) lines.push(JSON.stringify(columns.map(column => plain(row[column]))))
  process.stdout.write(lines.join('\n') + '\n')
}
