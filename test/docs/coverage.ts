// Which exported symbols have an example that runs: an @example of their own; or, for interfaces and types, a program
// in any docstring that says their name.

import ts from 'typescript';
import type { Compilation } from './compile-programs.js';

/** Names of exported symbols by the name that their entry point is imported by. */
export type SymbolNames = Readonly<Record<string, readonly string[]>>;

export function symbolsWithoutExample(compilation: Compilation): SymbolNames {
  const { checker, entryPoints } = compilation;
  const named = symbolsNamed(compilation);
  const names = [...entryPoints].map(([entryPoint, file]) => {
    const module = checker.getSymbolAtLocation(file);
    const without = checker.getExportsOfModule(module!).filter((exported) => {
      const symbol = behind(exported, checker);
      return !hasExample(symbol) && !(isType(symbol) && named.has(symbol));
    });
    return [entryPoint, without.map(({ name }) => name).sort()] as const;
  });
  return Object.fromEntries(names.filter(([, without]) => without.length > 0));
}

/** Every symbol that some program names. */
function symbolsNamed({ checker, sources }: Compilation): Set<ts.Symbol> {
  const named = new Set<ts.Symbol>();
  const visit = (node: ts.Node): void => {
    const symbol = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined;
    if (symbol !== undefined) named.add(behind(symbol, checker));
    ts.forEachChild(node, visit);
  };
  for (const source of sources) visit(source);
  return named;
}

/** What an import or export of another name stands for. */
function behind(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function hasExample({ declarations = [] }: ts.Symbol): boolean {
  return declarations.some((one) =>
    ts.getJSDocTags(one).some(({ tagName }) => tagName.text === 'example'),
  );
}

/** Whether it is an interface or a type, of which there is nothing at run time. */
function isType({ flags }: ts.Symbol): boolean {
  return (flags & ts.SymbolFlags.Value) === 0;
}
