"""How the venue refuses: an error code of its published list, and the HTTP status it travels with."""


class ApiError(Exception):
    """A refused request: `code` is the venue's, `status` HTTP's."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or code.lower().replace("_", " ")
        self.status = status

    def body(self) -> dict[str, object]:
        """Return the JSON envelope."""
        return {"error": self.code, "message": self.message, "data": None}


class TokenError(Exception):
    """A missing, malformed or expired bearer token; its HTTP body has no `error` key."""

    def body(self) -> dict[str, object]:
        """Return the JSON body."""
        return {"message": f"missing or malformed jwt: {self}" if str(self) else "missing or malformed jwt"}
