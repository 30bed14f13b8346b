import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

// Fails if a declaration of the package contains `any`.
const files = readdirSync('dist/esm', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.d.ts'),
)
const found = files
  .map((file) => join('dist/esm', file))
  .flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
    const lines: string[] = []
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) {
        lines.push(
          `${file}:${String(source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1)}: any`,
        )
      }
      node.forEachChild(visit)
    }
    visit(source)
    return lines
  })
console.log(found.length === 0 ? 'no `any` in the declarations' : found.join('\n'))
process.exitCode = found.length === 0 ? 0 : 1
