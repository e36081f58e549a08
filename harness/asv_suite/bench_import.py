"""What opening a door costs: each import in a new interpreter."""


class Import:
    version = "1"
    timeout = 60

    def timeraw_pilot_quantum(self) -> str:
        return "import pilot_quantum"
