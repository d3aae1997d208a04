/**
 * The layer table of CONTRIBUTING.md, held by a tool. Every rule says what a folder may import; the rest is refused.
 * Paths are those of this repository: a package imported by its name resolves to `packages/<name>/src`.
 */

const GATEWAY = "packages/gateway/src";
const CONTRACT = "^packages/contract/src/";
const CLIENT = "^packages/client/src/";
const TEST = "[.]test[.]ts$";

/** npm packages by name, wherever they are installed. */
const npm = (...names) => `node_modules/(${names.join("|")})/`;
const folder = (name) => `^${GATEWAY}/${name}/`;

/** The HTTP library, its plugins, and the reader of `Accept` headers. */
const HTTP_LIBRARY = npm(
  "fastify",
  "@fastify/[^/]+",
  "fastify-type-provider-zod",
  "helmet",
  "negotiator",
  "@types/negotiator",
  "zod",
);

/** A rule of the table: files under `from` import nothing but `may`. Tests are free to import more. */
const layer = ({ name, from, may, mayNode = false, comment }) => ({
  name,
  comment,
  severity: "error",
  from: { path: from, pathNot: TEST },
  to: { pathNot: may, ...(mayNode ? { dependencyTypesNot: ["core"] } : {}) },
});

const forbid = (rule) => ({ severity: "error", ...rule });

module.exports = {
  forbidden: [
    layer({
      name: "contract-imports-zod-only",
      from: CONTRACT,
      may: [CONTRACT, npm("zod")],
      comment: "What travels depends on nothing but zod.",
    }),
    layer({
      name: "client-imports-contract-only",
      from: CLIENT,
      may: [CLIENT, CONTRACT],
      comment: "The client is fetch and nothing else; it runs in browsers too.",
    }),
    layer({
      name: "console-imports-no-server",
      from: "^packages/console/",
      may: ["^packages/(console|react|client|contract)/", "node_modules/"],
      comment: "console -> react -> client -> contract: server code never ends in a browser.",
    }),
    layer({
      name: "domain-imports-domain-and-contract",
      from: folder("domain"),
      may: [folder("domain"), CONTRACT, npm("libphonenumber-js", "ipaddr.js")],
      comment: "Pure rules: besides the contract, only libraries that are pure functions over data.",
    }),
    layer({
      name: "ports-import-domain-and-contract",
      from: folder("ports"),
      may: [folder("ports"), folder("domain"), CONTRACT],
      comment: "Interfaces in the domain's words.",
    }),
    layer({
      name: "services-import-domain-and-ports",
      from: folder("services"),
      may: [folder("services"), folder("domain"), folder("ports"), CONTRACT],
      comment: "What the service does; the outside is reached through ports, so no npm and no node: modules.",
    }),
    layer({
      name: "adapters-import-no-service-and-no-edge",
      from: folder("adapters"),
      may: [folder("adapters"), folder("ports"), folder("domain"), CONTRACT, "node_modules/"],
      mayNode: true,
      comment: "An adapter implements a port. It knows neither services, nor edges, nor the configuration.",
    }),
    layer({
      name: "http-imports-services-and-its-library",
      from: folder("http"),
      may: [folder("http"), folder("services"), folder("domain"), CONTRACT, HTTP_LIBRARY, folder("ports")],
      mayNode: true,
      comment: "The HTTP edge translates; it reaches the outside through services. Of ports it sees types only.",
    }),
    layer({
      name: "cli-imports-services-and-client",
      from: folder("cli"),
      may: [folder("cli"), folder("services"), folder("domain"), CONTRACT, CLIENT, npm("commander", "zod")],
      comment: "The command line gets its services as arguments; acting commands speak HTTP through the client.",
    }),
    forbid({
      name: "client-in-cli-only",
      comment: "Inside the gateway the client package belongs to the command line.",
      from: { path: `^${GATEWAY}/`, pathNot: [folder("cli"), `^${GATEWAY}/(compose|main)[.]ts$`, TEST] },
      to: { path: CLIENT },
    }),
    forbid({
      name: "gateway-imports-no-browser-package",
      comment: "The gateway serves the console's files; it never imports them.",
      from: { path: "^packages/gateway/" },
      to: { path: "^packages/(console|react)/" },
    }),
    forbid({
      name: "no-sibling-adapter-folder",
      comment: "An adapter never imports another one: put what they share in the domain or in a port.",
      from: { path: `^${GATEWAY}/adapters/([^/]+)/`, pathNot: TEST },
      to: { path: folder("adapters"), pathNot: `^${GATEWAY}/adapters/$1/` },
    }),
    forbid({
      name: "no-sibling-adapter-file",
      comment: "An adapter never imports another one: put what they share in the domain or in a port.",
      from: { path: `^${GATEWAY}/adapters/[^/]+[.]ts$`, pathNot: TEST },
      to: { path: folder("adapters") },
    }),
    forbid({
      name: "no-sibling-engine",
      comment: "One engine, one folder; engines share the contract suite and nothing else.",
      from: { path: `^${GATEWAY}/adapters/stores/([^/]+)`, pathNot: TEST },
      to: { path: folder("adapters/stores"), pathNot: `^${GATEWAY}/adapters/stores/$1/` },
    }),
    forbid({
      name: "no-sibling-provider",
      comment:
        "One provider never imports another; only the registry sees them all. Files of one vendor share its name.",
      from: {
        path: `^${GATEWAY}/adapters/providers/([a-z0-9]+)`,
        pathNot: [`^${GATEWAY}/adapters/providers/index[.]ts$`, TEST],
      },
      to: {
        path: folder("adapters/providers"),
        pathNot: [`^${GATEWAY}/adapters/providers/$1[-./]`, folder("adapters/providers/wire")],
      },
    }),
    forbid({
      name: "root-files-are-the-top",
      comment: "config, compose and main see everything and are seen by nobody.",
      from: { path: `^${GATEWAY}/[^/]+/`, pathNot: TEST },
      to: { path: `^${GATEWAY}/[^/]+[.]ts$` },
    }),
    forbid({
      name: "no-import-across-packages-by-path",
      comment: "Packages know each other by name.",
      from: { path: "^packages/([^/]+)/" },
      to: {
        path: "^packages/([^/]+)/",
        pathNot: "^packages/$1/",
        dependencyTypes: ["local"],
      },
    }),
    forbid({
      name: "no-test-code-in-the-product",
      comment: "What runs in production imports no test.",
      from: { path: "^packages/[^/]+/src/", pathNot: TEST },
      to: {
        path: [
          "^packages/[^/]+/test/",
          TEST,
          "^(scripts|bench|proofs)/",
          npm("vitest", "fast-check", "playwright-core"),
        ],
      },
    }),
    forbid({
      name: "no-dev-dependency-in-the-product",
      comment: "A published package installs without its devDependencies.",
      from: { path: "^packages/[^/]+/src/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    }),
    forbid({
      name: "no-cycle",
      comment: "Imports go down, never in a circle; types included.",
      from: {},
      to: { circular: true },
    }),
    forbid({
      name: "no-unresolved",
      comment: "An import that leads nowhere.",
      from: {},
      to: { couldNotResolve: true },
    }),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^packages/[^/]+/dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
    reporterOptions: {
      mermaid: { minify: false },
      dot: { collapsePattern: "node_modules/(@[^/]+/[^/]+|[^/]+)" },
    },
  },
};
