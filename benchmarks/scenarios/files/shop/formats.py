from targets import Target


class LinesTarget(Target):
    extension = "lines"

    def write(self, value, file):
        file.write("\n".join(map(str, value)).encode())

    def read(self, file, **options):
        return [int(line) for line in file.read().decode().split("\n")]
