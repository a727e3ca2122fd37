package tidemark.bench;

import java.util.HashMap;
import java.util.Map;

/**
 * One measurement in one process: {@code Main <question> name=value ...}. Each result is a line of JSON on standard output; exit code 3 says
 * that a result was wrong, 1 that something else failed.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        int exitCode = 0;
        try {
            run(arguments);
        } catch (WrongResultException wrong) {
            System.err.println("wrong result: " + wrong.getMessage());
            exitCode = 3;
        } catch (Throwable failure) {
            failure.printStackTrace();
            exitCode = 1;
        }
        System.out.flush();
        // Flink's background threads would keep the process alive.
        System.exit(exitCode);
    }

    private static void run(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            throw new IllegalArgumentException("name a question");
        }
        Map<String, String> settings = new HashMap<>();
        for (int i = 1; i < arguments.length; i++) {
            int equals = arguments[i].indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("not name=value: " + arguments[i]);
            }
            settings.put(arguments[i].substring(0, equals), arguments[i].substring(equals + 1));
        }
        switch (arguments[0]) {
            case "state-ops":
                new StateOps(new Settings(settings)).run();
                break;
            case "checkpoint":
            case "latency":
                new Checkpoints(new Settings(settings)).run();
                break;
            case "restore":
                new Restores(new Settings(settings), 1, 1).run();
                break;
            case "rescale":
                Restores.rescaled(new Settings(settings)).run();
                break;
            case "job":
                new Jobs(new Settings(settings)).run();
                break;
            default:
                throw new IllegalArgumentException("unknown question: " + arguments[0]);
        }
    }
}
