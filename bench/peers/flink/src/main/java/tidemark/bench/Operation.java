package tidemark.bench;

/** One measured operation on one state, with what it takes to check it. */
interface Operation {
    /** Whether it changes state: then an iteration ends with a snapshot. */
    boolean writes();

    /** What one index counts for: the entries of a map for operations that visit them all. */
    default int operationsPerIndex() {
        return 1;
    }

    /** Most indices an iteration may run; bounds the state of operations that only add. */
    default long indicesPerIteration() {
        return Long.MAX_VALUE;
    }

    void setUp() throws Exception;

    default void beforeIteration() throws Exception {}

    default void afterIteration() throws Exception {}

    /** Runs the operation for the indices from (inclusive) to (exclusive). Returns the sum of all that it read. */
    long run(long from, long to) throws Exception;

    /** What run() has to return. */
    default long expectedSum(long from, long to) {
        return 0;
    }

    /** Reads everything back after the last iteration, whose first index was iterationStart. Returns the entries compared. */
    long verify(long iterationStart, long end) throws Exception;
}
