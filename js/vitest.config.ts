import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // What needs a page says so in its first line: // @vitest-environment happy-dom
    environment: "node",
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
  },
});
