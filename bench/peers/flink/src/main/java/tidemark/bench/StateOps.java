package tidemark.bench;

import java.io.File;

/** The state-ops question: one operation of Flink's state benchmark suite on one state backend. */
final class StateOps {
    /** The end of the names of operations on a state of 20 times the memory. */
    private static final String LARGE = "-20x";

    /** Operations between two looks at the clock. */
    private static final int BATCH = 1000;

    private final Settings settings;
    private long nextIndex;

    StateOps(Settings settings) {
        this.settings = settings;
    }

    void run() throws Exception {
        Workload workload = new Workload(settings.number("keys"), settings.number("seed"), settings.number("checks"));
        String system = settings.text("system");
        String name = settings.text("case");
        boolean isLarge = name.endsWith(LARGE);
        File directory = new File(settings.text("directory"));
        long budgetBytes = settings.longNumber("budgetBytes");
        boolean isIndexPartitioned = settings.text("flinkIndex").equals("partitioned");
        try (TestedBackend tested = new TestedBackend(system, directory, budgetBytes, isIndexPartitioned)) {
            Operation operation = isLarge
                    ? LargeOperations.named(name.substring(0, name.length() - LARGE.length()), tested, workload)
                    : operation(name, tested, workload);
            if (operation == null) {
                throw new IllegalArgumentException("unknown case: " + name);
            }
            System.out.printf("{\"build\":\"%s\"}%n", tested.build());
            operation.setUp();
            int warmUps = settings.number("warmUps");
            int iterations = warmUps + settings.number("iterations");
            for (int i = 0; i < iterations; i++) {
                operation.beforeIteration();
                long start = nextIndex;
                iterate(operation, tested, i >= warmUps);
                if (i == iterations - 1) {
                    System.out.printf("{\"checked\":%d}%n", operation.verify(start, nextIndex));
                }
                operation.afterIteration();
            }
        }
    }

    private static Operation operation(String name, TestedBackend tested, Workload workload) throws Exception {
        return name.startsWith("value") ? ValueOperations.named(name, tested, workload)
                : name.startsWith("list") ? ListOperations.named(name, tested, workload)
                : MapOperations.named(name, tested, workload);
    }

    private void iterate(Operation operation, TestedBackend tested, boolean isMeasured) throws Exception {
        long durationNanos = settings.longNumber("iterationMs") * 1_000_000;
        long from = nextIndex;
        long last = operation.indicesPerIteration() == Long.MAX_VALUE ? Long.MAX_VALUE : from + operation.indicesPerIteration();
        long sum = 0;
        long start = System.nanoTime();
        long now = start;
        while (now - start < durationNanos && nextIndex < last) {
            long to = Math.min(nextIndex + BATCH, last);
            sum += operation.run(nextIndex, to);
            nextIndex = to;
            now = System.nanoTime();
        }
        if (operation.writes()) {
            tested.snapshot();
        }
        long end = System.nanoTime();
        long expected = operation.expectedSum(from, nextIndex);
        WrongResultException.check(sum == expected, "read a sum of " + sum + " instead of " + expected);
        if (operation.writes()) {
            tested.completeSnapshot();
        }
        if (isMeasured) {
            System.out.printf(
                    "{\"operations\":%d,\"operationsMs\":%s,\"snapshotMs\":%s}%n",
                    (nextIndex - from) * operation.operationsPerIndex(), (now - start) / 1e6, (end - now) / 1e6);
        }
    }
}
