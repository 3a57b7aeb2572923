"""The whole API against what its own document promises: whatever is sent, no fault of ours and no undocumented answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.support import PATIENCE, Bot, Visitor, client


@pytest.mark.parametrize("runs", [12, pytest.param(400, marks=pytest.mark.full)])
def test_no_call_provokes_a_fault_of_ours(tmp_path: Path, runs: int) -> None:
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    bot = Bot(tmp_path)
    with client(bot) as web:
        visitor = Visitor(web)
        schema = schemathesis.openapi.from_dict(web.get("/openapi.json").json())
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith("/stream"):
                continue  # it does not end

            @settings(max_examples=runs, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def check(case: schemathesis.Case) -> None:
                if "conversation_id" in case.path_parameters:
                    case.path_parameters["conversation_id"] = visitor.id
                headers = {"Authorization": f"Bearer {visitor.token}"}
                response = case.call(base_url=str(web.base_url), headers=headers, timeout=PATIENCE)
                case.validate_response(
                    response,
                    checks=[
                        not_a_server_error,
                        status_code_conformance,
                        content_type_conformance,
                        response_schema_conformance,
                    ],
                )

            check()
        assert web.get("/healthz").status_code == 200
    bot.close()
